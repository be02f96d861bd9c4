#include "profile/pprof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/gzip.h"
#include "support/pprof_rules.h"
#include "support/profiles.h"

namespace holdfast::profile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

Profile round_trip(const Profile& profile) {
  Result<Profile> decoded = decode_pprof(encode_pprof(profile));
  EXPECT_TRUE(decoded) << decoded.error().what;
  return decoded ? std::move(*decoded) : Profile{};
}

TEST(Pprof, GivesBackEveryFieldOfAProfile) {
  const Profile profile = support::small_profile();
  EXPECT_EQ(round_trip(profile), profile);
}

TEST(Pprof, GivesBackAServersProfile) {
  Profile profile = support::server_profile(500, 3, false);
  profile.history.reset();  // its own tests are in history_carrier_test.cc
  EXPECT_EQ(round_trip(profile), profile);
}

TEST(Pprof, GivesBackExtremeNumbers) {
  Profile profile = support::small_profile();
  profile.samples[0].values = {std::numeric_limits<std::int64_t>::max(),
                               std::numeric_limits<std::int64_t>::min(), -1, 0};
  profile.locations[0].address = std::numeric_limits<std::uint64_t>::max();
  profile.functions[0].start_line = -5;
  profile.duration_nanos = -1;
  EXPECT_EQ(round_trip(profile), profile);
}

TEST(Pprof, ReadsABareProtobufToo) {
  const Profile profile = support::small_profile();
  const Result<std::string> bare = base::gunzip(encode_pprof(profile), 1 << 20);
  ASSERT_TRUE(bare);
  const Result<Profile> decoded = decode_pprof(*bare);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, profile);
}

TEST(Pprof, WritesTheSameBytesForTheSameProfile) {
  EXPECT_EQ(encode_pprof(support::small_profile()), encode_pprof(support::small_profile()));
}

TEST(Pprof, KeepsTheRulesOfItsReaders) {
  EXPECT_THAT(support::broken_rules(encode_pprof(support::small_profile())), IsEmpty());
  EXPECT_THAT(support::broken_rules(encode_pprof(support::server_profile(16'000, 1, false))), IsEmpty());
}

TEST(Pprof, WritesBytesThatAreNotTextVisibly) {
  Profile profile = support::small_profile();
  profile.functions[0].name = "bad\xff name \xc3\xa9 \xed\xa0\x80";
  profile.samples[0].labels[0].text = "\xf8";
  const std::string bytes = encode_pprof(profile);
  EXPECT_THAT(support::broken_rules(bytes), IsEmpty());
  const Result<Profile> decoded = decode_pprof(bytes);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->functions[0].name, "bad\\xff name \xc3\xa9 \\xed\\xa0\\x80");
  EXPECT_EQ(decoded->samples[0].labels[0].text, "\\xf8");
  ASSERT_TRUE(decoded->history) << decoded->history_note;
  EXPECT_EQ(decoded->history->sites, profile.history->sites)
      << "cleaned labels must still find their history";
}

TEST(PprofRules, NameWhatIsBroken) {
  Profile profile = support::small_profile();
  profile.samples[0].values[3] = -1;
  profile.samples[1].values = {0, 0, 0, 0};
  profile.mappings[0].build_id = "ABC";
  profile.mappings[1].has_functions = false;
  profile.functions[2].name.clear();
  profile.locations[1].address = 1;
  profile.sample_types[0].type = "alloc-objects";
  EXPECT_THAT(support::broken_rules(encode_pprof(profile)),
              testing::UnorderedElementsAre("no '-' in a type name", "the four heap types, inuse_space last",
                                            "build ids are lower-case hex", "every mapping has_functions",
                                            "every function has a name", "an address lies inside its mapping",
                                            "no all-zero rows", "negative values only in deltas"));
}

TEST(ValueIndex, FindsATypeByItsName) {
  const Profile profile = support::small_profile();
  EXPECT_EQ(value_index(profile, "alloc_objects"), 0);
  EXPECT_EQ(value_index(profile, "inuse_space"), 3);
  EXPECT_EQ(value_index(profile, "cpu"), -1);
}

// Broken input by hand: the smallest profile that is right, as protobuf bytes, and what each change of it
// leads to. Strings: 0 "", 1 "space", 2 "bytes".
const std::string kTypes = {"\x0a\x04\x08\x01\x10\x02", 6};            // sample_type {type 1, unit 2}
const std::string kFunction = {"\x2a\x04\x08\x01\x10\x01", 6};         // function {id 1, name 1}
const std::string kMapping = {"\x1a\x06\x08\x01\x10\x10\x18\x20", 8};  // mapping {id 1, 0x10..0x20}
const std::string kLocation = {"\x22\x0a\x08\x01\x10\x01\x18\x11\x22\x02\x08\x01",
                               12};                           // {id 1, mapping 1, 0x11, line}
const std::string kSample = {"\x12\x04\x08\x01\x10\x05", 6};  // sample {location 1, value 5}, not packed
const std::string kStrings = {
    "\x32\x00\x32\x05space\x32\x05"
    "bytes",
    16};

std::string whole() { return kTypes + kFunction + kMapping + kLocation + kSample + kStrings; }

std::string error_of(const std::string& bytes) {
  const Result<Profile> decoded = decode_pprof(bytes);
  if (decoded) return "";
  EXPECT_FALSE(decoded.error().hint.empty()) << decoded.error().what;
  EXPECT_EQ(decoded.error().what.find('\n'), std::string::npos);
  return decoded.error().what;
}

TEST(PprofByHand, TheSmallestProfileIsRead) {
  const Result<Profile> decoded = decode_pprof(whole());
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->samples, (std::vector<Sample>{{{0}, {5}, {}}}));
  EXPECT_EQ(decoded->locations[0].mapping, 0u);
  EXPECT_EQ(decoded->functions[0].name, "space");
}

TEST(PprofByHand, PackedNumbersUnknownFieldsAndAnyOrderAreRead) {
  const std::string packed_sample("\x12\x06\x0a\x01\x01\x12\x01\x05", 8);
  const std::string unknown(
      "\x7a\x03"
      "doc"
      "\xa0\x06\x01"
      "\xa9\x06"
      "12345678"
      "\xad\x06"
      "1234",
      24);
  const Result<Profile> expected = decode_pprof(whole());
  const Result<Profile> decoded =
      decode_pprof(kStrings + packed_sample + unknown + kLocation + kMapping + kFunction + kTypes);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, *expected);
}

TEST(PprofByHand, IdsMayBeAnyNumbers) {
  const std::string function("\x2a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x01", 15);
  const std::string location("\x22\x0f\x08\x01\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 17);
  const Result<Profile> decoded = decode_pprof(kTypes + function + location + kSample + kStrings);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->locations[0].lines[0].function, 0u);
  EXPECT_EQ(decoded->locations[0].mapping, kNoMapping);
}

TEST(PprofByHand, DanglingAndDuplicateIdsAreErrors) {
  EXPECT_THAT(error_of(kTypes + kFunction + kMapping + kSample + kStrings),
              HasSubstr("no location has the id 1"));
  EXPECT_THAT(error_of(kTypes + kMapping + kLocation + kSample + kStrings),
              HasSubstr("no function has the id 1"));
  EXPECT_THAT(error_of(kTypes + kFunction + kLocation + kSample + kStrings),
              HasSubstr("no mapping has the id 1"));
  EXPECT_THAT(error_of(whole() + kLocation), HasSubstr("two locations have the id 1"));
  EXPECT_THAT(error_of(whole() + kMapping), HasSubstr("two mappings have the id 1"));
  EXPECT_THAT(error_of(whole() + std::string("\x2a\x02\x10\x01", 4)),
              HasSubstr("function number 2 has no id"));
}

TEST(PprofByHand, TwoProfilesInOneFileAreAnError) {
  EXPECT_THAT(error_of(whole() + whole()), HasSubstr("two "));
}

TEST(PprofByHand, StringsOutOfRangeAreErrors) {
  EXPECT_THAT(error_of(whole() + std::string("\x38\x03", 2)),
              HasSubstr("string 3 is asked for, but there are only 3"));
  const std::string minus_one("\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
  EXPECT_THAT(error_of(whole() + minus_one), HasSubstr("string 18446744073709551615 is asked for"));
  EXPECT_THAT(error_of(kTypes + std::string("\x32\x01x", 3) + kStrings),
              HasSubstr("the first string is not empty"));
}

TEST(PprofByHand, ValuesMustMatchTheTypes) {
  EXPECT_THAT(error_of(kTypes + whole()), HasSubstr("sample 1 has 1 values for 2 sample types"));
  EXPECT_THAT(error_of(kSample + kStrings), HasSubstr("no sample types"));
}

TEST(PprofByHand, WrongWireTypesAreErrors) {
  EXPECT_THAT(error_of(whole() + std::string("\x10\x01", 2)),
              HasSubstr("wrong wire type"));  // sample as a number
  EXPECT_THAT(error_of(whole() + std::string("\x4a\x01x", 3)),
              HasSubstr("wrong wire type"));  // time as a string
  EXPECT_THAT(error_of(whole() + std::string("\x6d"
                                             "1234",
                                             5)),
              HasSubstr("wrong wire type"));  // comment as fixed32
  EXPECT_THAT(error_of(whole() + std::string("\x0b", 1)), HasSubstr("unknown pbf field type"));  // a group
}

TEST(PprofByHand, LengthsThatLieAreErrors) {
  for (const char* lie : {"\x12\x7f",
                          "\x32\x05"
                          "abc",
                          "\x12\xff\xff\xff\xff\x0f", "\x6a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"}) {
    EXPECT_NE(error_of(whole() + lie), "");
  }
  const std::string endless_varint("\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
  EXPECT_THAT(error_of(whole() + endless_varint), HasSubstr("broken pprof profile"));
}

TEST(PprofLimits, ABombStopsAtTheLimit) {
  DecodeLimits limits;
  limits.input_bytes = 1 << 20;
  const Result<Profile> decoded = decode_pprof(base::gzip(std::string(32 << 20, '\0'), 9), limits);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().what, HasSubstr("inflates to more than 1048576 bytes"));
}

TEST(PprofLimits, GzipInsideGzipIsNotUnpackedForEver) {
  const Result<Profile> decoded = decode_pprof(base::gzip(base::gzip(whole())));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().what, HasSubstr("gzip inside gzip"));
}

TEST(PprofLimits, ALongNameUsedByManyFunctionsIsCounted) {
  // 64 KiB of name and 16 Ki functions of 7 bytes: 180 KiB that would become 1 GiB.
  std::string bytes = kTypes + std::string(
                                   "\x32\x00\x32\x05space\x32\x05"
                                   "bytes\x32\x80\x80\x04",
                                   20);
  bytes += std::string(0x10000, 'n');
  for (int id = 1; id <= 0x3fff; ++id) {
    bytes += {'\x2a', 5, 8, static_cast<char>((id & 0x7f) | 0x80), static_cast<char>(id >> 7), '\x10', 3};
  }
  DecodeLimits limits;
  limits.model_bytes = 64 << 20;
  const Result<Profile> decoded = decode_pprof(bytes, limits);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().what, HasSubstr("too much memory"));
  EXPECT_FALSE(decoded.error().hint.empty());
}

TEST(PprofLimits, ABareFileAboveTheLimitIsAnError) {
  DecodeLimits limits;
  limits.input_bytes = 10;
  EXPECT_FALSE(decode_pprof(whole(), limits));
}

}  // namespace
}  // namespace holdfast::profile
