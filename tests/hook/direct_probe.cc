// A program of its own for direct_test.cc: says how malloc, as the program calls it, goes on to the C
// library's. Exit code: 10 by a direct jump, 11 by an indirect one; anything else is a failure.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#if __has_include(<sys/prctl.h>)
#include <sys/prctl.h>
#endif

namespace {

std::uintptr_t address_of(void* library, const char* symbol) {
  return reinterpret_cast<std::uintptr_t>(dlsym(library, symbol));
}

// Uses what was rewritten: every call must still reach the allocator.
bool allocations_work() {
  std::vector<std::unique_ptr<std::string>> kept;
  for (std::size_t i = 0; i < 20'000; ++i) {
    kept.push_back(std::make_unique<std::string>(i % 500, 'x'));
    void* p = std::calloc(i % 100 + 1, 3);
    p = std::realloc(p, i % 3000 + 1);
    void* aligned = nullptr;
    if (p == nullptr || posix_memalign(&aligned, 64, 100) != 0) return false;
    std::free(aligned);
    std::free(p);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (*kept[i] != std::string(i % 500, 'x')) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "deny") == 0) {
#if defined(PR_SET_MDWE)
    constexpr int kSetMdwe = PR_SET_MDWE;
#else
    constexpr int kSetMdwe = 65;  // since Linux 6.3
#endif
    // From now on nothing gains the right to execute; kept across exec.
    if (prctl(kSetMdwe, 1, 0, 0, 0) != 0) return 77;
    execl("/proc/self/exe", argv[0], static_cast<char*>(nullptr));
    return 1;
  }
  if (!allocations_work()) return 2;
  const std::uintptr_t ours = address_of(RTLD_DEFAULT, "malloc");
  void* libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  const std::uintptr_t theirs = address_of(libc, "malloc");
  if (ours == 0 || theirs == 0 || ours == theirs) return 3;
  for (std::uintptr_t at = ours; at < ours + 64; ++at) {
    unsigned char code[6];
    std::memcpy(code, reinterpret_cast<const void*>(at), sizeof code);
    std::int32_t reach;
    std::memcpy(&reach, code + 1, sizeof reach);
    if (code[0] == 0xe9 && at + 5 + static_cast<std::uintptr_t>(std::int64_t{reach}) == theirs) return 10;
    std::memcpy(&reach, code + 2, sizeof reach);
    if (code[0] == 0xff && code[1] == 0x25) {
      std::uintptr_t target;
      std::memcpy(&target,
                  reinterpret_cast<const void*>(at + 6 + static_cast<std::uintptr_t>(std::int64_t{reach})),
                  sizeof target);
      if (target == theirs) return 11;
    }
  }
  return 4;
}
