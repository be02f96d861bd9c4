#include "profile/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/gzip.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "support/profiles.h"

namespace holdfast::profile {
namespace {

using ::testing::HasSubstr;

Error error_of(const std::string& bytes) {
  const Result<Profile> decoded = decode(bytes);
  EXPECT_FALSE(decoded);
  if (decoded) return {};
  EXPECT_FALSE(decoded.error().hint.empty());
  EXPECT_EQ(decoded.error().what.find('\n'), std::string::npos);
  return decoded.error();
}

TEST(Decode, TellsFormatsByTheirFirstBytes) {
  const Profile profile = support::small_profile();
  const std::string pprof = encode_pprof(profile);
  const Result<std::string> bare = base::gunzip(pprof, 1 << 20);
  const Result<std::string> text = encode_legacy_text(profile);
  ASSERT_TRUE(bare && text);
  const std::string jemalloc =
      "heap_v2/1\n  t*: 1: 64 [0: 0]\n@ 0x11\n  t*: 1: 64 [0: 0]\n\nMAPPED_LIBRARIES:\n";
  for (const std::string& bytes : {pprof, *bare}) {
    const Result<Profile> decoded = decode(bytes);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(*decoded, profile);
  }
  for (const std::string& bytes : {*text, base::gzip(*text), "\xef\xbb\xbf\n" + *text}) {
    const Result<Profile> decoded = decode(bytes);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(decoded->samples.size(), profile.samples.size());
  }
  for (const std::string& bytes : {jemalloc, base::gzip(jemalloc)}) {
    const Result<Profile> decoded = decode(bytes);
    ASSERT_TRUE(decoded) << decoded.error().what;
    EXPECT_EQ(decoded->samples.size(), 1u);
  }
}

TEST(Decode, AnEmptyFileIsSaidToBeEmpty) {
  EXPECT_EQ(error_of("").what, "the profile is empty");
  EXPECT_EQ(error_of(base::gzip("")).what, "the profile is empty");
}

TEST(Decode, AWebPageIsSaidToBeOne) {
  for (const char* page : {"<!DOCTYPE html><html>", "\n <HTML><body>", "<html lang=en>"}) {
    EXPECT_EQ(error_of(page).what, "a web page, not a profile");
    EXPECT_THAT(error_of(page).hint, HasSubstr("/debug/pprof/heap"));
  }
}

TEST(Decode, OtherTextsAreQuotedInPart) {
  EXPECT_EQ(error_of("404 page not found\nmore\n").what,
            "not a profile: it begins with \"404 page not found\"");
  EXPECT_EQ(error_of(std::string(500, 'x')).what,
            "not a profile: it begins with \"" + std::string(60, 'x') + "...\"");
  EXPECT_THAT(error_of("{\"error\": \"x\"}").what, HasSubstr("{\"error\""));
}

TEST(Decode, OtherBinariesAreErrors) {
  EXPECT_EQ(error_of(std::string("\x7f"
                                 "ELF\x02\x01\x01",
                                 7))
                .what,
            "a program or library, not a profile");
  EXPECT_THAT(error_of(std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16)).what,
              HasSubstr("broken pprof profile"));
  EXPECT_THAT(error_of(std::string(100, '\0')).what, HasSubstr("broken pprof profile"));
}

TEST(Decode, TooMuchIsAnErrorBeforeAnythingIsRead) {
  DecodeLimits limits;
  limits.input_bytes = 1000;
  for (const std::string& bytes : {std::string(1001, 'x'), base::gzip(std::string(1001, 'x'))}) {
    const Result<Profile> decoded = decode(bytes, limits);
    ASSERT_FALSE(decoded);
    EXPECT_THAT(decoded.error().what, HasSubstr("1000 bytes"));
    EXPECT_FALSE(decoded.error().hint.empty());
  }
}

}  // namespace
}  // namespace holdfast::profile
