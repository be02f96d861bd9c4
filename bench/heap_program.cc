// A heap of many live blocks, to weigh what a recorder adds to each. Prints the resident memory before and
// after.
//
//     heap_program BLOCKS KIND [EXTRA]    EXTRA: bytes added to each, as a footer would; KIND: small (16 to
//     256 bytes), mixed (16 bytes to 64 KiB, as many bytes in each octave),
//                                  or a size in bytes
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

class Random {
 public:
  std::uint64_t below(std::uint64_t limit) {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return (state_ >> 33) % limit;
  }

 private:
  std::uint64_t state_ = 1;
};

std::size_t size_of(const std::string& kind, Random& random) {
  if (kind == "small") return 16 + random.below(241);
  if (kind != "mixed") return std::strtoul(kind.c_str(), nullptr, 10);
  // Octave k with probability proportional to 2^-k: as many bytes in each.
  int octave = 4;
  while (octave < 15 && random.below(2) == 0) ++octave;
  return (std::size_t{1} << octave) + random.below(std::uint64_t{1} << octave);
}

long resident_kib() {
  long total = 0, pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &pages) != 2) pages = 0;
    std::fclose(file);
  }
  return pages * 4;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  const std::string kind = argc > 2 ? argv[2] : "small";
  const std::size_t extra = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0;
  Random random;
  std::vector<char*> blocks(count);
  std::memset(blocks.data(), 1, count * sizeof(char*));
  const long before = resident_kib();
  std::size_t bytes = 0;
  for (char*& block : blocks) {
    const std::size_t size = size_of(kind, random);
    block = static_cast<char*>(std::malloc(size + extra));
    if (block == nullptr) return 1;
    std::memset(block, 1, size + extra);
    bytes += size;
  }
  const long after = resident_kib();
  std::printf(
      "{\"blocks\": %zu, \"bytes\": %zu, \"resident_before_kib\": %ld, \"resident_after_kib\": %ld}\n", count,
      bytes, before, after);
  for (char* block : blocks) std::free(block);
}
