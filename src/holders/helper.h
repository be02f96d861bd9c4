// A process that shares the program's memory and nothing that could disturb it: made by clone(CLONE_VM |
// CLONE_FILES | CLONE_FS), it has its own table of signal handlers, so that a fault while it reads memory
// that is being unmapped is its own affair; the program's threads run on. It ends silently (exit signal 0: no
// SIGCHLD, invisible to a plain wait) and with the thread that made it. Called from ordinary code on a quiet
// thread, one at a time; maps its stack, allocates nothing else.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace holdfast::holders {

enum class HelperEnd {
  done,          // the work returned
  cannot_start,  // the kernel, or a seccomp filter, refused; or this machine is not supported
  died,          // killed from outside, or by a fault where none is survived
  timed_out,     // killed by us
};

// Whether the helper shares the program's memory, or works on a copy as a forked child.
enum class HelperMemory { shared, copied };

// Runs work(argument) in a helper and waits, at most about `limit_ms` until `stop` is raised and two seconds
// longer until the helper is killed. The work may call nothing that takes a lock, allocates or touches
// thread-local storage: it runs on the caller's, who sleeps meanwhile. Faults are survived only inside
// safe_copy().
HelperEnd run_in_helper(void (*work)(void*), void* argument, std::atomic<bool>& stop, std::int64_t limit_ms,
                        HelperMemory memory) noexcept;

// Copies up to n bytes and returns how many could be read before the first unreadable one. Only inside a
// helper: anywhere else a fault reaches the program's own handler.
std::size_t safe_copy(void* to, std::uintptr_t from, std::size_t n) noexcept;

}  // namespace holdfast::holders
