// A program that does, in many threads at once, what is hard on an allocator hook. At its end a checker
// compares what the recorder tells with what the program knows of its own blocks.
//
// Each kind of trouble is a function that works until Load::over() and dies with a message when something is
// wrong.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::stress {

struct Load {
  std::chrono::steady_clock::time_point end;
  bool exact = false;
  const char* plugin = nullptr;  // a shared library with take() and give()
  bool over() const { return std::chrono::steady_clock::now() >= end; }
};

// How often each kind of trouble was made.
struct Done {
  std::atomic<std::uint64_t> blocks{0}, threads{0}, forks{0}, spawns{0}, plugins{0}, signals{0}, throws{0},
      changes{0}, snapshots{0};
};
extern Done g_done;

[[noreturn]] void fail(const std::string& what);

// xorshift64*: cheap, one per thread.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull | 1) {}
  std::uint64_t roll(std::uint64_t sides) {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return (state_ * 0x2545f4914f6cdd1dull >> 33) % sides;
  }

 private:
  std::uint64_t state_;
};

// Blocks of known content, handed from thread to thread through shared slots.
void churn_blocks(const Load& load, std::uint64_t seed);
// One of the slots taken, verified and given back: for children and short-lived threads.
void free_some_blocks(Dice& dice);
void free_all_blocks();
// Live now, of the blocks above.
struct Live {
  std::int64_t objects = 0, bytes = 0;
};
Live known_live();
// Whether the code address lies in the functions that take those blocks.
bool takes_blocks(std::uint64_t pc);

void churn_threads(const Load& load);
void fork_and_exec(const Load& load, std::uint64_t seed);
void open_and_close_plugins(const Load& load);
void send_signals(const Load& load);
// While one lives, a signal handler on this thread must not allocate: the real allocator is at work.
class Allocating {
 public:
  Allocating();
  Allocating(const Allocating&) = delete;
  Allocating& operator=(const Allocating&) = delete;
  ~Allocating();
};
// A thread that may be sent signals, for its life.
class SignalTarget {
 public:
  SignalTarget();
  SignalTarget(const SignalTarget&) = delete;
  SignalTarget& operator=(const SignalTarget&) = delete;
  ~SignalTarget();
};

// The recorder's word against the program's; fails when they differ.
enum class Books {
  moving,    // other threads are at work: only that a snapshot can be had
  standing,  // no other thread is at work: for every site allocations minus frees equal what is live
  whole,     // and in exact mode the sums are the program's own to the byte
};
void check_books(bool exact, Books books);
void take_snapshots(const Load& load);
void change_intervals(const Load& load);

}  // namespace holdfast::stress
