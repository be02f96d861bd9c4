// setrlimit and prlimit: before the program limits its address space, Holdfast gives back what it has only
// reserved there, as the kernel would count it. These go to the kernel without allocating, so that they are
// safe wherever the real ones are.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/slow_path.h"

#define HOLDFAST_EXPORT extern "C" __attribute__((visibility("default")))

const char holdfast::hook::kLimitsAreLinked = 1;

namespace {

// The kernel's structure is that of rlimit64, and on 64-bit machines of rlimit.
static_assert(sizeof(rlimit) == sizeof(rlimit64) && sizeof(rlimit::rlim_cur) == 8);

int limit(pid_t process, int resource, const void* fresh, void* old) noexcept {
  const bool own = process == 0 || process == getpid();
  if (own && resource == RLIMIT_AS && fresh != nullptr) holdfast::record::g_recorder.shrink_region();
  return static_cast<int>(syscall(SYS_prlimit64, process, resource, fresh, old));
}

}  // namespace

HOLDFAST_EXPORT int setrlimit(__rlimit_resource_t resource, const rlimit* limits) noexcept {
  return limit(0, resource, limits, nullptr);
}
HOLDFAST_EXPORT int setrlimit64(__rlimit_resource_t resource, const rlimit64* limits) noexcept {
  return limit(0, resource, limits, nullptr);
}
HOLDFAST_EXPORT int prlimit(pid_t process, __rlimit_resource resource, const rlimit* fresh,
                            rlimit* old) noexcept {
  return limit(process, resource, fresh, old);
}
HOLDFAST_EXPORT int prlimit64(pid_t process, __rlimit_resource resource, const rlimit64* fresh,
                              rlimit64* old) noexcept {
  return limit(process, resource, fresh, old);
}
