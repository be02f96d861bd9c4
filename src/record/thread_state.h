// What the recorder keeps per thread: plain data in initial-exec TLS, without constructor or destructor, so that it can be
// used before a thread is fully made and after its destructors have run.
#pragma once

#include <cstdint>

#include "base/shared.h"
#include "record/unwind.h"

namespace holdfast::record {

// The countdown of a thread that must not be sampled: it never runs out.
inline constexpr std::uint64_t kParked = std::uint64_t{1} << 62;

struct LabelNode;

struct ThreadState {
  // Bytes this thread may still allocate before the slow path looks at an allocation. Zero-initialised: the first
  // allocation of a thread always goes there. Other threads store 0 here to be noticed (a relaxed atomic store).
  std::uint64_t countdown;

  std::uint64_t random;          // state of base::Random; 0 until seeded
  MemoTable* memo;               // exact mode only
  LabelNode* labels;             // the innermost label in force; see label_scope.h
  ThreadState* next;             // registry list
  ThreadState* previous;
  std::uint64_t fork_held;       // which of the recorder's locks this thread took for a fork
  std::uint64_t fork_countdown;  // its countdown meanwhile
  std::uint32_t epoch;           // the recorder's epoch this thread has last seen
  std::uint32_t thread_id;       // gettid
  std::uint16_t interval_id;     // the interval that `countdown` was drawn for
  std::uint16_t shard;
  std::uint8_t inside;           // depth of recorder code on this thread's stack
  std::uint8_t quiet;            // depth of QuietScope
  bool registered;
  bool exiting;                  // its key destructor has run: do not register again
};

extern __thread ThreadState t_state __attribute__((tls_model("initial-exec"), visibility("hidden")));

// While one lives, nothing this thread allocates is sampled: for Holdfast's own work on a thread of the program, and for
// the whole life of Holdfast's own threads. Nests. noexcept, allocation-free.
class HOLDFAST_SHARED QuietScope {
 public:
  QuietScope() noexcept;
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;
  ~QuietScope();

 private:
  std::uint64_t saved_countdown_;
};

// Parks the countdown while the recorder itself runs, so that a signal handler or a library function called from inside
// it that allocates is served by the real allocator, unsampled.
class InsideScope {
 public:
  InsideScope() noexcept {
    ++t_state.inside;
    __atomic_store_n(&t_state.countdown, kParked, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  InsideScope(const InsideScope&) = delete;
  InsideScope& operator=(const InsideScope&) = delete;
  // Leaves the countdown parked: the caller sets the next one.
  ~InsideScope() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    --t_state.inside;
  }
};

}  // namespace holdfast::record
