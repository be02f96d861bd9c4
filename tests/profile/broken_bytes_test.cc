// Bytes as they arrive when a transfer ends early or a disk lies: whatever happens, a Result comes back.
#include <gtest/gtest.h>

#include "base/gzip.h"
#include "profile/decode.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "support/profiles.h"

namespace holdfast::profile {
namespace {

std::string bare_small_profile() {
  const Result<std::string> bare = base::gunzip(encode_pprof(support::small_profile()), 1 << 20);
  return bare ? *bare : std::string();
}

const std::string kJemallocDump =
    "heap_v2/524288\n"
    "  t*: 3: 3000 [0: 0]\n"
    "  t0: 3: 3000 [0: 0]\n"
    "@ 0x401001 0x402001\n"
    "  t*: 3: 3000 [0: 0]\n"
    "  t0: 3: 3000 [0: 0]\n"
    "\n"
    "MAPPED_LIBRARIES:\n"
    "00400000-00500000 r-xp 00001000 08:01 1234    /usr/bin/server\n";

void expect_clear_error(const Result<Profile>& result, const std::string& where) {
  if (result) return;
  EXPECT_FALSE(result.error().what.empty()) << where;
  EXPECT_FALSE(result.error().hint.empty()) << where << ": " << result.error().what;
  EXPECT_EQ(result.error().what.find('\n'), std::string::npos) << where;
}

// Decodes `bytes` with each byte changed to several values; returns how many were refused.
int refused_after_flips(const std::string& bytes) {
  int refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int flip : {0x01, 0x08, 0x40, 0x80, 0x7f, 0xff}) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const Result<Profile> result = decode(broken);
      expect_clear_error(result, "byte " + std::to_string(at));
      refused += result ? 0 : 1;
    }
  }
  return refused;
}

TEST(BrokenBytes, NoPrefixOfAGzippedProfileIsAProfile) {
  const std::string bytes = encode_pprof(support::small_profile());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Result<Profile> result = decode(std::string_view(bytes).substr(0, length));
    ASSERT_FALSE(result) << length;
    expect_clear_error(result, "prefix " + std::to_string(length));
  }
}

TEST(BrokenBytes, NoPrefixOfABareProfileIsTakenForTheWhole) {
  const Profile whole = support::small_profile();
  const std::string bytes = bare_small_profile();
  ASSERT_FALSE(bytes.empty());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Result<Profile> result = decode(std::string_view(bytes).substr(0, length));
    expect_clear_error(result, "prefix " + std::to_string(length));
    EXPECT_FALSE(result) << "of " << length << " bytes";  // strings come last, so a part misses some
  }
}

TEST(BrokenBytes, NoPrefixOfAJemallocDumpIsTakenForTheWhole) {
  const std::size_t map = kJemallocDump.find("MAPPED_LIBRARIES:") + std::string("MAPPED_LIBRARIES:").size();
  for (std::size_t length = 0; length < kJemallocDump.size(); ++length) {
    const Result<Profile> result = decode(std::string_view(kJemallocDump).substr(0, length));
    expect_clear_error(result, "prefix " + std::to_string(length));
    EXPECT_EQ(result.ok(), length >= map) << length;  // from there on only names of libraries are missing
  }
}

TEST(BrokenBytes, NoPrefixOfALegacyTextIsTakenForTheWhole) {
  const Result<std::string> text = encode_legacy_text(support::small_profile());
  ASSERT_TRUE(text);
  // The last row's last address may lack digits, and the map may be missing: neither can be seen.
  const std::size_t last_stack = text->rfind(" @ ");
  for (std::size_t length = 0; length < text->size(); ++length) {
    const Result<Profile> result = decode(std::string_view(*text).substr(0, length));
    expect_clear_error(result, "prefix " + std::to_string(length));
    EXPECT_FALSE(result && length < last_stack) << length;
  }
}

TEST(BrokenBytes, FlippedBytesInAGzippedProfileAreRefused) {
  const std::string bytes = encode_pprof(support::small_profile());
  EXPECT_GT(refused_after_flips(bytes),
            static_cast<int>(bytes.size()) * 5);  // the checksum sees all but the header
}

TEST(BrokenBytes, FlippedBytesInABareProfileDoNoHarm) {
  EXPECT_GT(refused_after_flips(bare_small_profile()), 500);
}

TEST(BrokenBytes, FlippedBytesInTextsDoNoHarm) {
  EXPECT_GT(refused_after_flips(kJemallocDump), 200);
  const Result<std::string> text = encode_legacy_text(support::small_profile());
  ASSERT_TRUE(text);
  EXPECT_GT(refused_after_flips(*text), 200);
}

}  // namespace
}  // namespace holdfast::profile
