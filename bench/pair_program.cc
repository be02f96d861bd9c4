// Pairs of malloc and free and nothing else, to count the instructions of one (bench/instructions).
//
//     pair_program PAIRS
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  const long pairs = argc > 1 ? std::atol(argv[1]) : 100'000;
  std::size_t state = 1, sum = 0;
  for (long i = 0; i < pairs; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    void* volatile p = std::malloc(16 + (state >> 40) % 241);
    sum += reinterpret_cast<std::size_t>(p) & 0;
    std::free(p);
  }
  std::printf("%ld pairs%s\n", pairs, sum == 0 ? "" : "!");
}
