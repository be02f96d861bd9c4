#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/jemalloc_text.h"
#include "profile/legacy_text.h"
#include "support/profiles.h"

namespace holdfast::profile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Rows = std::vector<std::vector<std::int64_t>>;

Rows values_of(const Profile& profile) {
  Rows rows;
  for (const Sample& sample : profile.samples) rows.push_back(sample.values);
  return rows;
}

std::vector<std::uint64_t> stack_of(const Profile& profile, std::size_t sample) {
  std::vector<std::uint64_t> out;
  for (std::uint32_t index : profile.samples[sample].locations)
    out.push_back(profile.locations[index].address);
  return out;
}

Profile legacy(const std::string& text) {
  Result<Profile> decoded = decode_legacy_text(text);
  EXPECT_TRUE(decoded) << decoded.error().what;
  return decoded ? std::move(*decoded) : Profile{};
}

Profile jemalloc(const std::string& text) {
  Result<Profile> decoded = decode_jemalloc_text(text);
  EXPECT_TRUE(decoded) << decoded.error().what;
  return decoded ? std::move(*decoded) : Profile{};
}

std::string encoded(const Profile& profile) {
  const Result<std::string> text = encode_legacy_text(profile);
  EXPECT_TRUE(text) << text.error().what;
  return text ? *text : std::string();
}

TEST(LegacyText, IsWrittenRowForRow) {
  EXPECT_EQ(encoded(support::small_profile()),
            "heap profile: 12: 573742 [50: 3933160] @ heapprofile\n"
            "9: 573442 [40: 3932160] @ 0x401001 0x402001\n"
            "0: 0 [7: 700] @ 0x7f0000001235 0x402001\n"
            "3: 300 [3: 300] @ 0x7f0000001235 0x401001 0x402001\n"
            "\n"
            "MAPPED_LIBRARIES:\n"
            "400000-500000 r-xp 00001000 00:00 0 /usr/bin/server\n"
            "7f0000000000-7f0000100000 r-xp 00000000 00:00 0 /usr/lib/libfoo.so.1\n");
}

TEST(LegacyText, GivesBackValuesStacksAndMappings) {
  const Profile profile = support::small_profile();
  const Profile decoded = legacy(encoded(profile));
  EXPECT_EQ(decoded.sample_types, profile.sample_types);
  EXPECT_EQ(decoded.default_sample_type, "inuse_space");
  EXPECT_EQ(values_of(decoded), values_of(profile));
  for (std::size_t i = 0; i < profile.samples.size(); ++i)
    EXPECT_EQ(stack_of(decoded, i), stack_of(profile, i)) << i;
  ASSERT_EQ(decoded.mappings.size(), 2u);
  EXPECT_EQ(decoded.mappings[0].file, "/usr/bin/server");
  EXPECT_EQ(decoded.mappings[0].offset, 0x1000u);
  EXPECT_EQ(decoded.locations[0].mapping, 0u);
  EXPECT_EQ(decoded.locations[2].mapping, 1u);
  EXPECT_EQ(decoded.period, 1);
  EXPECT_FALSE(decoded.history);
}

TEST(LegacyText, KeepsFourTypesWhenNothingWasFreed) {
  Profile profile = support::small_profile();
  for (Sample& sample : profile.samples) sample.values = {5, 500, 5, 500};
  const std::string text = encoded(profile);
  EXPECT_THAT(text, StartsWith("heap profile: 15: 1500 [015: 01500] @ heapprofile\n"));
  EXPECT_EQ(legacy(text).sample_types, profile.sample_types);
}

TEST(LegacyText, KeepsFourTypesWhenNothingWasAllocated) {
  Profile profile = support::small_profile();
  profile.samples.clear();
  EXPECT_EQ(legacy(encoded(profile)).sample_types, profile.sample_types);
}

TEST(LegacyText, ARowWithoutStackKeepsItsBytes) {
  Profile profile = support::small_profile();
  profile.samples[0].locations.clear();
  EXPECT_THAT(encoded(profile), HasSubstr("9: 573442 [40: 3932160] @ 0x1\n"));
}

TEST(LegacyText, NegativeValuesDoNotFit) {
  Profile profile = support::small_profile();
  profile.samples[0].values[3] = -1;
  const Result<std::string> text = encode_legacy_text(profile);
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().what, HasSubstr("negative"));
}

TEST(LegacyText, ALineEndInAPathDoesNotForgeARow) {
  Profile profile = support::small_profile();
  profile.mappings[0].file = "/tmp/a\nb";
  EXPECT_THAT(encoded(profile), HasSubstr("/tmp/a?b\n"));
}

TEST(LegacyText, ReadsTcmallocsSampledHeapsUnbiased) {
  // p = 1 - exp(-1024/524288) = 0.0019512...; 1/p = 512.50...
  const Profile decoded = legacy(
      "heap profile: 2: 2048 [2: 2048] @ heap_v2/524288\n     2:     2048 [     2:     2048] @ 0x11 0x21\n");
  EXPECT_EQ(decoded.sample_types,
            (std::vector<ValueType>{{"inuse_objects", "count"}, {"inuse_space", "bytes"}}))
      << "equal totals mean that allocations were not counted";
  EXPECT_EQ(values_of(decoded), (Rows{{1025, 1049600}}));
  EXPECT_EQ(decoded.period, 524'288);
  EXPECT_EQ(stack_of(decoded, 0), (std::vector<std::uint64_t>{0x10, 0x20}));
}

TEST(LegacyText, ReadsGosTextUnbiased) {
  // Go writes twice its mean interval, and names as comments.
  const Profile decoded = legacy(
      "heap profile: 1: 1024 [3: 3072] @ heap/1048576\n"
      "1: 1024 [3: 3072] @ 0x11 0x21\n"
      "#\t0x10\tmain.keep+0x10\t/src/main.go:7\n"
      "\n"
      "# runtime.MemStats\n"
      "# Alloc = 4096\n");
  EXPECT_EQ(values_of(decoded), (Rows{{1538, 1574400, 513, 524800}}));
  EXPECT_EQ(decoded.period, 524'288);
}

TEST(LegacyText, HeapprofileAndGrowthAreNeverRescaled) {
  EXPECT_EQ(values_of(legacy("heap profile: 1: 8 [2: 16] @ heapprofile/524288\n1: 8 [2: 16] @ 0x11\n")),
            (Rows{{2, 16, 1, 8}}));
  const Profile growth =
      legacy("heap profile: 3: 3145728 [3: 3145728] @ growthz\n3: 3145728 [3: 3145728] @ 0x11\n");
  EXPECT_EQ(values_of(growth), (Rows{{3, 3145728}}));
  EXPECT_EQ(growth.sample_types[1].type, "space");
}

TEST(LegacyText, ReadsMapsAsGperftoolsWritesThem) {
  const Profile decoded = legacy(
      "heap profile:      1:       64 [     1:       64] @ heapprofile\r\n"
      "     1:       64 [     1:       64] @ 0x00401001 0x7f0000000011 0x9000\r\n"
      "\r\n"
      "MAPPED_LIBRARIES:\r\n"
      "build=/home/user/build\n"
      "00400000-00500000 r-xp 00001000 08:01 1234                 /usr/bin/a program\n"
      "00600000-00700000 rw-p 00101000 08:01 1234                 /usr/bin/a program\n"
      "7f0000000000-7f0000100000 r-xp 00000000 08:01 99 /usr/lib/lib.so (deleted)\n"
      "7fff00000000-7fff00001000 r-xp 00000000 00:00 0 [vdso]\n");
  ASSERT_EQ(decoded.mappings.size(), 3u);
  EXPECT_EQ(decoded.mappings[0].file, "/usr/bin/a program");
  EXPECT_EQ(decoded.mappings[1].file, "/usr/lib/lib.so");
  EXPECT_EQ(decoded.locations[0].mapping, 0u);
  EXPECT_EQ(decoded.locations[1].mapping, 1u);
  EXPECT_EQ(decoded.locations[2].mapping, kNoMapping);
}

TEST(LegacyText, BrokenTextsSayWhere) {
  const auto error = [](const std::string& text) {
    const Result<Profile> decoded = decode_legacy_text(text);
    return decoded ? std::string() : decoded.error().what;
  };
  const std::string header = "heap profile: 1: 8 [2: 16] @ heapprofile\n";
  EXPECT_THAT(error("heap profile: 1: 8\n"), HasSubstr("line 1 must be"));
  EXPECT_THAT(error("heap profile: 1: 8 [2: 16] @ pages\n"), HasSubstr("its kind is \"pages\""));
  EXPECT_THAT(error("heap profile: 1: 8 [2: 16] @ heap_v2/x\n"), HasSubstr("interval"));
  EXPECT_THAT(error(header + "1: 8 [2: 16] @ 0x11\nrubbish\n"), HasSubstr("line 3 is no row"));
  EXPECT_THAT(error(header + "1: 8 [2: 16] @ 0x11 xyz\n"), HasSubstr("\"xyz\" is no address"));
  EXPECT_THAT(error(header + "1: 8 [2: 16] @ 0x11223344556677889\n"), HasSubstr("too large"));
  EXPECT_THAT(error(header + "99999999999999999999: 8 [2: 16] @ 0x11\n"), HasSubstr("too large"));
  EXPECT_THAT(error(header), HasSubstr("cut off"));
}

TEST(LegacyText, NumbersBeyondAllBoundsAreClamped) {
  const Profile decoded = legacy(
      "heap profile: 1: 18446744073709551615 [2: 18446744073709551615] @ heap_v2/18446744073709551615\n"
      "1: 18446744073709551615 [2: 18446744073709551615] @ 0x11\n"
      "1: 18446744073709551615 [2: 18446744073709551615] @ 0x0\n");
  for (const Sample& sample : decoded.samples) {
    for (std::int64_t value : sample.values) EXPECT_GE(value, 1);
  }
}

const std::string kDump =
    "heap_v2/524288\n"
    "  t*: 3: 3072 [0: 0]\n"
    "  t0: 2: 2048 [0: 0]\n"
    "  t1: 1: 1024 [0: 0]\n"
    "@ 0x401001 0x402001\n"
    "  t*: 2: 2048 [0: 0]\n"
    "  t0: 1: 1024 [0: 0]\n"
    "  t1: 1: 1024 [0: 0]\n"
    "@ 0x7f0000000011\n"
    "  t*: 1: 1024 [0: 0]\n"
    "  t0: 1: 1024 [0: 0]\n"
    "\n"
    "MAPPED_LIBRARIES:\n"
    "00400000-00500000 r-xp 00001000 08:01 1234    /usr/bin/server\n";

TEST(JemallocText, IsReadUnbiasedAndOnceForAllThreads) {
  const Profile decoded = jemalloc(kDump);
  EXPECT_EQ(decoded.sample_types,
            (std::vector<ValueType>{{"inuse_objects", "count"}, {"inuse_space", "bytes"}}));
  EXPECT_EQ(values_of(decoded), (Rows{{1025, 1049600}, {513, 524800}}));
  EXPECT_EQ(stack_of(decoded, 0), (std::vector<std::uint64_t>{0x401000, 0x402000}));
  EXPECT_EQ(decoded.locations[0].mapping, 0u);
  EXPECT_EQ(decoded.period, 524'288);
  EXPECT_EQ(decoded.default_sample_type, "inuse_space");
}

TEST(JemallocText, HasAllocationTotalsWithProfAccum) {
  const Profile decoded = jemalloc(
      "heap_v2/1\n  t*: 1: 64 [5: 320]\n@ 0x11\n  t*: 1: 64 [4: 256]\n@ 0x21\n  t*: 0: 0 [1: "
      "64]\n\nMAPPED_LIBRARIES:\n");
  EXPECT_EQ(decoded.sample_types.size(), 4u);
  EXPECT_EQ(values_of(decoded), (Rows{{4, 256, 1, 64}, {1, 64, 0, 0}}));
}

TEST(JemallocText, RowsOfNothingAreDropped) {
  EXPECT_TRUE(jemalloc("heap_v2/1\n  t*: 0: 0 [0: 0]\n@ 0x11\n  t*: 0: 0 [0: 0]\n\nMAPPED_LIBRARIES:\n")
                  .samples.empty());
}

TEST(JemallocText, BrokenDumpsSayWhere) {
  const auto error = [](const std::string& text) {
    const Result<Profile> decoded = decode_jemalloc_text(text);
    return decoded ? std::string() : decoded.error().what;
  };
  EXPECT_THAT(error("heap_v2/\n"), HasSubstr("line 1 must be"));
  EXPECT_THAT(error("heap_v2/1 x\n"), HasSubstr("line 1 must be"));
  EXPECT_THAT(error("heap_v2/1\n@ 0x11\n"), HasSubstr("line 2 comes before the totals"));
  EXPECT_THAT(error("heap_v2/1\n  t*: 1: 2 [3: 4]\n  u*: 1\n"), HasSubstr("line 3 is neither"));
  EXPECT_THAT(error(kDump.substr(0, kDump.find("\nMAPPED"))), HasSubstr("ends before its map"));
}

}  // namespace
}  // namespace holdfast::profile
