#include "record/unwind_memory.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "record/unwind.h"

// The stack pointer the kernel gave the main thread; from the dynamic loader, undeclared by glibc's headers.
extern "C" __attribute__((weak)) void* __libc_stack_end;

namespace holdfast::record {
namespace {

// Larger pages are whole multiples of it, so asking in these steps is right everywhere.
constexpr std::uintptr_t page_bytes = 4096;
// A frame farther than this below the known part of the own stack is taken to run elsewhere; if it does not,
// captures there only cost more.
constexpr std::uintptr_t stretch_bytes = 16u << 20;

std::atomic<bool> can_probe{false};

__attribute__((tls_model("initial-exec"))) constinit thread_local OwnStack own{};

std::uintptr_t page_of(std::uintptr_t address) noexcept { return address & ~(page_bytes - 1); }

// rt_sigprocmask copies the 8-byte set in before it rejects the bogus `how`: EFAULT when it cannot be read,
// EINVAL when it can. It changes nothing, is cheap, and no sandbox that runs threads forbids it.
int probe_errno(std::uintptr_t address) noexcept {
  const int saved = errno;
  constexpr long bogus_how = -1;
  const long rc = syscall(SYS_rt_sigprocmask, bogus_how, address, nullptr, 8L);
  const int answer = rc == 0 ? 0 : errno;
  errno = saved;
  return answer;
}

bool page_readable(std::uintptr_t page) noexcept {
  return can_probe.load(std::memory_order_relaxed) && probe_errno(page) == EINVAL;
}

// Where this thread's own stack ends upwards. glibc puts a thread's descriptor at the top of its stack; the
// main thread's stack comes from the kernel.
std::uintptr_t own_stack_top() noexcept {
  // Called on every thread, so that choose_unwinder() binds it: binding late would do so inside malloc.
  const auto descriptor = static_cast<std::uintptr_t>(pthread_self());
  if (syscall(SYS_gettid) != getpid()) return descriptor;
  return &__libc_stack_end == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(__libc_stack_end);
}

}  // namespace

const OwnStack& own_stack(std::uintptr_t frame) noexcept {
  OwnStack& stack = own;
  if (stack.holds(frame)) return stack;
  if (!stack.known) {
    stack.low = stack.high = page_of(own_stack_top()) + page_bytes;
    stack.known = true;
  }
  if (frame >= stack.low || frame < stack.floor || stack.low - frame > stretch_bytes) return stack;
  // Upwards from the frame: on a fiber the hole above its top is met soon, and nothing untouched is touched.
  const std::uintptr_t bottom = page_of(frame);
  for (std::uintptr_t page = bottom; page < stack.low; page += page_bytes) {
    if (page_readable(page)) continue;
    stack.floor = page + page_bytes;
    return stack;
  }
  stack.low = bottom;
  return stack;
}

bool learn_to_probe() noexcept {
  void* closed = mmap(nullptr, page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (closed == MAP_FAILED) return false;
  const bool tells_closed = probe_errno(reinterpret_cast<std::uintptr_t>(closed)) == EFAULT;
  munmap(closed, page_bytes);
  const int open = 0;
  const bool tells_open = probe_errno(page_of(reinterpret_cast<std::uintptr_t>(&open))) == EINVAL;
  can_probe.store(tells_closed && tells_open, std::memory_order_relaxed);
  return tells_closed && tells_open;
}

ReadableWindow::ReadableWindow(std::uintptr_t frame) noexcept {
  const OwnStack& stack = own_stack(frame);
  home_ = stack.holds(frame);
  low_ = home_ ? stack.low : page_of(frame);
  room_ = (home_ ? stack.high - stack.low : page_bytes) - sizeof(std::uintptr_t);
}

bool ReadableWindow::admit(std::uintptr_t address) noexcept {
  const std::uintptr_t last = address + sizeof(std::uintptr_t) - 1;
  if (last < address) return false;
  const OwnStack& stack = own;
  if (stack.holds(address) && stack.holds(last)) {
    low_ = stack.low;
    room_ = stack.high - stack.low - sizeof(std::uintptr_t);
    return true;
  }
  home_ = false;
  const std::uintptr_t first_page = page_of(address);
  const std::uintptr_t end = page_of(last) + page_bytes;
  const std::uintptr_t known_end = low_ + room_ + sizeof(std::uintptr_t);
  const bool follows = first_page == known_end || (address >= low_ && address < known_end);
  for (std::uintptr_t page = follows ? known_end : first_page; page != end; page += page_bytes) {
    if (!page_readable(page)) return false;
  }
  if (!follows) low_ = first_page;
  room_ = end - low_ - sizeof(std::uintptr_t);
  return true;
}

bool readable(std::uintptr_t address, std::size_t size) noexcept {
  if (size == 0) return true;
  const std::uintptr_t last = address + size - 1;
  if (last < address) return false;
  const OwnStack& stack = own_stack(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  if (stack.holds(address) && stack.holds(last)) return true;
  for (std::uintptr_t page = page_of(address); page <= last; page += page_bytes) {
    if (!page_readable(page)) return false;
    if (page + page_bytes < page) break;
  }
  return true;
}

}  // namespace holdfast::record
