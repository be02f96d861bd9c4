#include "base/gzip.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::base {
namespace {

constexpr std::size_t kRoomy = 1 << 20;

std::string long_text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i * 7919 % 10'007) + "\n";
  return text;
}

TEST(Gzip, GivesBackWhatWasPutIn) {
  for (const std::string& text : {std::string(), std::string("x"), long_text()}) {
    for (int level : {1, 6, 9}) {
      const std::string packed = gzip(text, level);
      EXPECT_TRUE(is_gzip(packed));
      const Result<std::string> unpacked = gunzip(packed, kRoomy);
      ASSERT_TRUE(unpacked) << unpacked.error().what;
      EXPECT_EQ(*unpacked, text);
    }
  }
}

TEST(Gzip, WritesTheSameBytesForTheSameInput) { EXPECT_EQ(gzip(long_text()), gzip(long_text())); }

TEST(Gzip, ReadsEveryMemberOfAStream) {
  const Result<std::string> both = gunzip(gzip("first ") + gzip("second"), kRoomy);
  ASSERT_TRUE(both) << both.error().what;
  EXPECT_EQ(*both, "first second");
}

TEST(Gzip, EveryPrefixOfAStreamIsAnError) {
  const std::string packed = gzip("a profile would be here, and here, and here");
  for (std::size_t length = 0; length < packed.size(); ++length) {
    const Result<std::string> result = gunzip(std::string_view(packed).substr(0, length), kRoomy);
    ASSERT_FALSE(result) << "a prefix of " << length << " bytes was taken for the whole";
    EXPECT_FALSE(result.error().what.empty());
  }
}

TEST(Gzip, AFlippedByteIsAnErrorOrChangesNothing) {
  const std::string text = "a profile would be here";
  const std::string packed = gzip(text);
  int errors = 0;
  for (std::size_t at = 0; at < packed.size(); ++at) {
    for (int flip : {0x01, 0x10, 0x80, 0xff}) {
      std::string broken = packed;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const Result<std::string> result = gunzip(broken, kRoomy);
      if (result) {
        EXPECT_EQ(*result, text) << "byte "
                                 << at;  // time, extra flags and system in the header are not checked
      } else {
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 50);
}

TEST(Gzip, GarbageAfterTheStreamIsAnError) {
  const Result<std::string> result = gunzip(gzip("text") + "garbage", kRoomy);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "gzip data is followed by garbage");
}

TEST(Gzip, ABombStopsAtTheLimit) {
  const std::string bomb = gzip(std::string(64 << 20, '\0'), 9);
  ASSERT_LT(bomb.size(), 100'000u);
  const Result<std::string> result = gunzip(bomb, kRoomy);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "gzip data inflates to more than 1048576 bytes");
  EXPECT_FALSE(result.error().hint.empty());
}

TEST(Gzip, TheLimitItselfIsAllowed) {
  const std::string packed = gzip(std::string(100'000, 'x'));
  EXPECT_TRUE(gunzip(packed, 100'000));
  EXPECT_FALSE(gunzip(packed, 99'999));
}

TEST(Gzip, TheLimitCoversAllMembersTogether) {
  const std::string packed = gzip(std::string(600, 'x')) + gzip(std::string(600, 'x'));
  EXPECT_TRUE(gunzip(packed, 1200));
  EXPECT_FALSE(gunzip(packed, 1199));
}

TEST(Gzip, OtherBytesAreNotGzip) {
  for (const char* text : {"", "\x1f", "\x1f\x8c", "heap profile:"}) {
    EXPECT_FALSE(is_gzip(text));
    EXPECT_FALSE(gunzip(text, kRoomy));
  }
}

TEST(Zlib, GivesBackWhatWasPutInAndRefusesEveryPrefix) {
  const std::string text = "counts and births";
  const std::string packed = zlib_deflate(text);
  const Result<std::string> unpacked = zlib_inflate(packed, kRoomy);
  ASSERT_TRUE(unpacked) << unpacked.error().what;
  EXPECT_EQ(*unpacked, text);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    EXPECT_FALSE(zlib_inflate(std::string_view(packed).substr(0, length), kRoomy)) << length;
  }
  EXPECT_FALSE(zlib_inflate(packed + "x", kRoomy));
  EXPECT_FALSE(zlib_inflate(packed, text.size() - 1));
}

}  // namespace
}  // namespace holdfast::base
