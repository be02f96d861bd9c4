// Files written once and kept: what was readable stays readable, what was written stays the same. A change
// here is a change of the format; write a new file beside the old one rather than replacing it.
#include <gtest/gtest.h>

#include "base/gzip.h"
#include "profile/decode.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "support/profiles.h"
#include "support/temporary.h"

namespace holdfast::profile {
namespace {

std::string golden(const std::string& name) {
  return holdfast::testing::read_text(HOLDFAST_SOURCE_DIR "/tests/golden/" + name);
}

TEST(Golden, AProfileWithHistoryIsReadAsEver) {
  const Result<Profile> decoded = decode(golden("small_profile.pb.gz"));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, support::small_profile());
}

// Without the history, whose deflated bytes depend on the version of zlib.
TEST(Golden, AProfileIsWrittenAsEver) {
  Profile profile = support::small_profile();
  profile.history.reset();
  const Result<std::string> written = base::gunzip(encode_pprof(profile), 1 << 20);
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, golden("small_profile_without_history.pb"));
}

TEST(Golden, LegacyTextIsWrittenAsEver) {
  const Result<std::string> written = encode_legacy_text(support::small_profile());
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, golden("small_profile.txt"));
}

}  // namespace
}  // namespace holdfast::profile
