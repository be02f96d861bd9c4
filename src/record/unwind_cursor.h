// A bounded reader of DWARF call frame information: every read checks the end, and one that does not fit
// fails the cursor for good instead of reading on. For the unwinder only; any thread, allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace holdfast::record::cfi {

class ByteCursor {
 public:
  ByteCursor(const std::uint8_t* at, const std::uint8_t* end) noexcept : at_(at), end_(end) {}

  bool ok() const noexcept { return ok_; }
  bool more() const noexcept { return ok_ && at_ < end_; }
  const std::uint8_t* at() const noexcept { return at_; }
  const std::uint8_t* end() const noexcept { return end_; }

  template <typename T>
  T fixed() noexcept {
    T value{};
    if (!has(sizeof value)) return value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::uint8_t byte() noexcept { return fixed<std::uint8_t>(); }

  std::uint64_t uleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint8_t part = byte();
      if (!ok_) return 0;
      if (shift < 64) value |= static_cast<std::uint64_t>(part & 0x7fu) << shift;
      if ((part & 0x80u) == 0) return value;
    }
  }

  std::int64_t sleb() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0;;) {
      const std::uint8_t part = byte();
      if (!ok_) return 0;
      if (shift < 64) value |= static_cast<std::uint64_t>(part & 0x7fu) << shift;
      shift += 7;
      if ((part & 0x80u) != 0) continue;
      if (shift < 64 && (part & 0x40u) != 0) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
  }

  void skip(std::uint64_t bytes) noexcept {
    if (has(bytes)) at_ += bytes;
  }

  // Moves by a signed distance that must stay within [begin, end].
  void jump(std::int64_t bytes, const std::uint8_t* begin) noexcept {
    if (bytes > end_ - at_ || bytes < begin - at_) {
      ok_ = false;
    } else {
      at_ += bytes;
    }
  }

  // A pointer in a DW_EH_PE_ encoding. `data_base` is what "data relative" is relative to. Indirect pointers
  // and the encodings that no linker emits for code fail the cursor.
  std::uint64_t pointer(std::uint8_t encoding, std::uintptr_t data_base) noexcept {
    const auto here = reinterpret_cast<std::uintptr_t>(at_);
    const std::uint64_t value = encoded(encoding);
    if ((encoding & indirect) != 0) ok_ = false;
    switch (encoding & 0x70u) {
      case 0x00:
        return value;
      case 0x10:
        return value + here;
      case 0x30:
        return value + data_base;
      default:
        ok_ = false;
        return 0;
    }
  }

  // Steps over a pointer whose value is not wanted (the personality routine, which may be indirect).
  void skip_pointer(std::uint8_t encoding) noexcept { encoded(encoding); }

  static constexpr std::uint8_t omitted = 0xff;

 private:
  static constexpr std::uint8_t indirect = 0x80;

  bool has(std::uint64_t bytes) noexcept {
    if (!ok_ || bytes > static_cast<std::uint64_t>(end_ - at_)) ok_ = false;
    return ok_;
  }

  std::uint64_t encoded(std::uint8_t encoding) noexcept {
    switch (encoding & 0x0fu) {
      case 0x00:
        return fixed<std::uint64_t>();
      case 0x01:
        return uleb();
      case 0x02:
        return fixed<std::uint16_t>();
      case 0x03:
        return fixed<std::uint32_t>();
      case 0x04:
        return fixed<std::uint64_t>();
      case 0x09:
        return static_cast<std::uint64_t>(sleb());
      case 0x0a:
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(fixed<std::int16_t>()));
      case 0x0b:
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(fixed<std::int32_t>()));
      case 0x0c:
        return fixed<std::uint64_t>();
      default:
        ok_ = false;
        return 0;
    }
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace holdfast::record::cfi
