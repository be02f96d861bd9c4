#include "profile/legacy_cpu.h"

#include <cstring>
#include <utility>

namespace holdfast::profile {
namespace {

constexpr std::uint64_t kMaxDepth = 4096;

Error broken() { return {"this is no whole CPU profile of gperftools", "take it again"}; }

}  // namespace

Result<CpuStacks> decode_legacy_cpu(std::string_view bytes) {
  std::size_t at = 0;
  const std::size_t words = bytes.size() / sizeof(std::uint64_t);
  const auto word = [&](std::size_t index) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
  };
  // Header: 0, number of header words that follow, version 0, period in microseconds, 0.
  if (words < 5 || word(0) != 0 || word(1) != 3 || word(2) != 0 || word(3) > 1'000'000'000) return broken();
  CpuStacks result;
  result.period_nanos = static_cast<std::int64_t>(word(3)) * 1000;
  for (at = 5; at + 2 < words;) {
    const std::uint64_t count = word(at), depth = word(at + 1);
    if (count == 0 && depth == 1 && word(at + 2) == 0) return result;  // the trailer
    at += 2;
    if (count == 0 || depth == 0 || depth > kMaxDepth || at + depth > words) return broken();
    CpuStack stack{count, {word(at)}};
    for (std::uint64_t i = 1; i < depth; ++i) {
      const std::uint64_t address = word(at + i);
      // The interrupted place may stand twice: as the signal saw it, and as the unwinder did.
      if (i == 1 && address == stack.addresses[0]) continue;
      stack.addresses.push_back(address - (address != 0 ? 1 : 0));
    }
    at += depth;
    result.stacks.push_back(std::move(stack));
  }
  return broken();
}

}  // namespace holdfast::profile
