#include "profile/legacy_cpu.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::profile {
namespace {

std::string words(const std::vector<std::uint64_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::uint64_t)};
}

// Two stacks at 100 Hz: 0x1000 called from before 0x2000, seen three times; 0x3000 with its leaf twice.
const std::vector<std::uint64_t> kSound = {0, 3, 0,      10'000, 0,      3, 2, 0x1000, 0x2000,
                                           1, 3, 0x3000, 0x3000, 0x4000, 0, 1, 0};

TEST(LegacyCpu, CountsStacksOfAddressesInsideInstructions) {
  const auto decoded = decode_legacy_cpu(words(kSound) + "400000-500000 r-xp 0 00:00 0 /opt/server\n");
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->period_nanos, 10'000'000);
  ASSERT_EQ(decoded->stacks.size(), 2u);
  EXPECT_EQ(decoded->stacks[0].count, 3u);
  EXPECT_EQ(decoded->stacks[0].addresses, (std::vector<std::uint64_t>{0x1000, 0x1fff}));
  EXPECT_EQ(decoded->stacks[1].addresses, (std::vector<std::uint64_t>{0x3000, 0x3fff}));
}

TEST(LegacyCpu, MayBeEmpty) {
  const auto decoded = decode_legacy_cpu(words({0, 3, 0, 10'000, 0, 0, 1, 0}));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->stacks.empty());
}

TEST(LegacyCpu, IsRefusedWhenItIsCutShortOrBroken) {
  const std::string sound = words(kSound);
  for (std::size_t size = 0; size < sound.size(); ++size)
    EXPECT_FALSE(decode_legacy_cpu(sound.substr(0, size))) << size;
  for (std::size_t at = 0; at < kSound.size(); ++at) {
    std::vector<std::uint64_t> broken = kSound;
    broken[at] = ~std::uint64_t{0};
    static_cast<void>(decode_legacy_cpu(words(broken)));  // neither crashes nor runs away
  }
  EXPECT_FALSE(decode_legacy_cpu(words({0, 3, 0, 10'000, 0, 1, ~std::uint64_t{0}, 1, 0, 1, 0})));
}

}  // namespace
}  // namespace holdfast::profile
