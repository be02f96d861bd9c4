// Inside the decoders only: what they throw when outside bytes make no sense, and the one place that turns
// every such throw (theirs and protozero's) into an Error. Nothing is thrown out of the room.
#pragma once

#include <holdfast/result.h>

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace holdfast::profile {

struct Broken : std::runtime_error {
  explicit Broken(const std::string& what, std::string hint_text = "")
      : std::runtime_error(what), hint(std::move(hint_text)) {}
  std::string hint;
};

// Counts what a decoder is about to allocate; beyond the limit it throws.
class Budget {
 public:
  explicit Budget(std::size_t limit_bytes) : left_(limit_bytes) {}
  void charge(std::size_t bytes) {
    if (bytes > left_) {
      throw Broken("profile needs too much memory when decoded",
                   "it is not a heap profile of a sane size: check what was fetched");
    }
    left_ -= bytes;
  }

 private:
  std::size_t left_;
};

// Runs `decode()`; what it throws becomes an Error that begins with `format`, with `hint` unless it brings
// its own.
template <typename Decode>
auto caught(const std::string& format, const std::string& hint, Decode decode) -> Result<decltype(decode())> {
  try {
    return decode();
  } catch (const Broken& broken) {
    return Error{format + ": " + broken.what(), broken.hint.empty() ? hint : broken.hint};
  } catch (const std::exception& error) {
    return Error{format + ": " + error.what(), hint};
  }
}

}  // namespace holdfast::profile
