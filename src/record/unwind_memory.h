// What memory an unwind may read. The calling thread's own stack, from the current frame up to where the
// thread began, stays mapped while the thread runs on it, so it is shown readable once and remembered. Every
// other stack (fibers, alternate signal stacks, garbage) is asked for page by page, anew in each unwind:
// others may unmap it meanwhile. Any thread, inside malloc: allocates nothing, takes no lock, preserves
// errno.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::record {

// The part of the calling thread's own stack that was shown to be readable: [low, high), empty until the
// first ask.
struct OwnStack {
  std::uintptr_t low;
  std::uintptr_t high;
  std::uintptr_t floor;  // below it nothing belongs to this stack: a hole was found there
  bool known;

  bool holds(std::uintptr_t address) const noexcept { return address - low < high - low; }
};

// The calling thread's own stack after stretching it down to `frame`, an address in the frame that is
// running. When the thread runs on another stack, `frame` is not held.
const OwnStack& own_stack(std::uintptr_t frame) noexcept;

// Finds out whether this kernel answers the question "may this be read", and answers it rightly. Before it
// was asked, and where the answer is no, only what needs no asking is readable. Once, from choose_unwinder().
bool learn_to_probe() noexcept;

// Reads the word at `address`, which must be readable.
inline std::uintptr_t load_word(std::uintptr_t address) noexcept {
  std::uintptr_t value;
#if (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)) && defined(__x86_64__)
  // Other frames' words, read behind the sanitizer's back: it would take a return address for a stray access.
  __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address));
#else
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
#endif
  return value;
}

// The readable range that one unwind is in, on its own stack first, moved as the chain crosses to other
// stacks.
class ReadableWindow {
 public:
  // `frame`: an address in the frame that is running.
  explicit ReadableWindow(std::uintptr_t frame) noexcept;

  // Reads one word; false when it may not be read.
  bool word(std::uintptr_t address, std::uintptr_t& value) noexcept {
    if (address - low_ > room_) [[unlikely]] {
      if (!admit(address)) return false;
    }
    value = load_word(address);
    return true;
  }

  // True while every word read so far lay on the thread's own stack.
  bool stayed_home() const noexcept { return home_; }

 private:
  bool admit(std::uintptr_t address) noexcept;

  std::uintptr_t low_;
  std::uintptr_t room_;  // the last word that may be read begins at low_ + room_
  bool home_;
};

}  // namespace holdfast::record
