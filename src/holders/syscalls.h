// System calls without the C library: what the helper process may use, as libc's wrappers would write the
// errno of the thread whose thread-local storage the helper borrows. Any thread, allocation-free. Results are
// the kernel's: negative errno on failure.
#pragma once

#include <sys/syscall.h>

#include <cerrno>

namespace holdfast::holders {

#if defined(__x86_64__)
inline constexpr bool kRawSystemCalls = true;
inline long raw_syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                        long f = 0) noexcept {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline constexpr bool kRawSystemCalls = true;
inline long raw_syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                        long f = 0) noexcept {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#endif

inline long as_long(const void* p) noexcept { return reinterpret_cast<long>(p); }

}  // namespace holdfast::holders
