#include "profile/history_carrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/gzip.h"
#include "profile/base64.h"
#include "profile/pprof.h"
#include "profile/stack_key.h"
#include "support/profiles.h"

namespace holdfast::profile {
namespace {

using ::testing::HasSubstr;

// What a reader makes of `carriers` beside the rows of `profile`.
Profile read(Profile profile, const std::vector<std::string>& carriers) {
  profile.history.reset();
  profile.history_note.clear();
  attach_history(profile, carriers);
  return profile;
}

std::string packed(const std::string& message) {
  return "#holdfast:1:" + base64_encode(base::zlib_deflate(message));
}

TEST(HistoryCarrier, GivesBackCountsAndTimesExactly) {
  Profile profile = support::small_profile();
  profile.history->sites[0].size_steps.back().size = std::numeric_limits<std::uint64_t>::max();
  profile.history->sites[0].alloc_samples = std::numeric_limits<std::uint64_t>::max();
  profile.history->process_start_ns = std::numeric_limits<std::int64_t>::min();
  profile.history->uptime_ns = std::numeric_limits<std::int64_t>::max();
  profile.history->work.back().work = 0.1 + 0.2 + 4000;
  const Profile decoded = read(profile, {encode_history(profile)});
  EXPECT_EQ(decoded.history, profile.history);
  EXPECT_EQ(decoded.history_note, "");
}

TEST(HistoryCarrier, GivesBackTheTableOfMemory) {
  Profile profile = support::small_profile();
  profile.history->memory = MemoryTable{1 << 30,
                                        {{"in_use", 1 << 29}, {"untouched", -12345}, {"unexplained", 0}},
                                        {{"cgroup_limit", INT64_MAX}}};
  EXPECT_EQ(read(profile, {encode_history(profile)}).history, profile.history);
}

TEST(HistoryCarrier, ExactModeComesBackExactly) {
  Profile profile = support::server_profile(2000, 6, true);
  for (SiteHistory& site : profile.history->sites) {
    for (Cohort& cohort : site.live) cohort.birth_ns -= cohort.birth_ns % 1000;
  }
  EXPECT_EQ(read(profile, {encode_history(profile)}).history, profile.history);

  // Blocks of many sizes: their squares cannot be told from their sum, the sum itself stays exact.
  Cohort& unlike = profile.history->sites[0].live[0];
  unlike.bytes = 0x1.0p52 + 1;
  unlike.bytes_squared = 0x1.0p103;
  const Profile decoded = read(profile, {encode_history(profile)});
  ASSERT_TRUE(decoded.history) << decoded.history_note;
  EXPECT_EQ(decoded.history->sites[0].live[0], unlike);
}

TEST(HistoryCarrier, EstimatesComeBackFarCloserThanTheirSamplingError) {
  Profile profile = support::server_profile(2000, 3, false);
  // Blocks around and far above the interval: p close to 1, where 1 - p cancels.
  for (std::size_t i = 0; i < 1000; ++i) {
    const double size = 100'000.0 * static_cast<double>(i + 1);
    const double p = -std::expm1(-size / 524'288);
    profile.history->sites[i].live = {
        {1'234'567, 1, 1 / p, size / p, size / p * size / p, (1 - p) * size / p * size / p}};
  }
  const Profile decoded = read(profile, {encode_history(profile)});
  ASSERT_TRUE(decoded.history) << decoded.history_note;
  for (std::size_t i = 0; i < profile.history->sites.size(); ++i) {
    const std::vector<Cohort>& wanted = profile.history->sites[i].live;
    const std::vector<Cohort>& got = decoded.history->sites[i].live;
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      EXPECT_EQ(got[k].birth_ns, wanted[k].birth_ns / 1000 * 1000);
      EXPECT_EQ(got[k].samples, wanted[k].samples);
      EXPECT_NEAR(got[k].objects, wanted[k].objects, wanted[k].objects * 6e-8);
      EXPECT_NEAR(got[k].bytes, wanted[k].bytes, wanted[k].bytes * 6e-8);
      EXPECT_NEAR(got[k].bytes_squared, wanted[k].bytes_squared, wanted[k].bytes_squared * 3e-7);
      EXPECT_NEAR(got[k].variance, wanted[k].variance, wanted[k].variance * 3e-7 + 1e-30);
    }
  }
  EXPECT_EQ(read(decoded, {encode_history(decoded)}).history, decoded.history)
      << "the second time changes nothing";
}

TEST(HistoryCarrier, GivesBackAnEmptyHistory) {
  Profile profile = support::small_profile();
  profile.history = HeapHistory{};
  EXPECT_EQ(read(profile, {encode_history(profile)}).history, profile.history);
}

TEST(HistoryCarrier, IsOneLineOfPlainText) {
  const std::string carrier = encode_history(support::small_profile());
  EXPECT_TRUE(is_carrier(carrier));
  EXPECT_EQ(carrier.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=:#"),
            std::string::npos);
  EXPECT_FALSE(is_carrier("# holdfast: a comment for people"));
}

TEST(HistoryCarrier, FindsItsRowsAfterTheyWereReordered) {
  const Profile profile = support::small_profile();
  Profile shuffled = profile;
  std::reverse(shuffled.samples.begin(), shuffled.samples.end());
  for (Sample& sample : shuffled.samples) std::reverse(sample.labels.begin(), sample.labels.end());
  const Profile decoded = read(shuffled, {encode_history(profile)});
  ASSERT_TRUE(decoded.history) << decoded.history_note;
  ASSERT_EQ(decoded.history->sites.size(), 2u);
  EXPECT_EQ(decoded.history->sites[0].sample, 2u);
  EXPECT_EQ(decoded.history->sites[1].sample, 0u);
}

TEST(HistoryCarrier, RowsWithTheSameStackAndLabelsKeepTheirOrder) {
  Profile profile = support::small_profile();
  profile.samples[2] = profile.samples[0];
  const Profile decoded = read(profile, {encode_history(profile)});
  EXPECT_EQ(decoded.history, profile.history);
}

TEST(HistoryCarrier, RowsThatAreGoneAreCountedAndSaid) {
  const Profile profile = support::small_profile();
  Profile filtered = profile;
  filtered.samples.pop_back();
  const Profile decoded = read(filtered, {encode_history(profile)});
  ASSERT_TRUE(decoded.history);
  EXPECT_EQ(decoded.history->sites.size(), 1u);
  EXPECT_THAT(decoded.history_note, HasSubstr("ages of 1 of 2 sites"));
}

TEST(HistoryCarrier, AMergedProfileHasNoHistoryAndSaysSo) {
  const Profile profile = support::small_profile();
  const std::string carrier = encode_history(profile);
  const Profile decoded = read(profile, {carrier, carrier + "A"});
  EXPECT_FALSE(decoded.history);
  EXPECT_THAT(decoded.history_note, HasSubstr("merged from 2 snapshots"));
}

TEST(HistoryCarrier, AnUnknownVersionIsNotGuessedAt) {
  for (const char* carrier : {"#holdfast:2:AAAA", "#holdfast:", "#holdfast:11:AAAA"}) {
    const Profile decoded = read(support::small_profile(), {carrier});
    EXPECT_FALSE(decoded.history);
    EXPECT_THAT(decoded.history_note, HasSubstr("update holdfast")) << carrier;
  }
}

TEST(HistoryCarrier, ADamagedCarrierCostsOnlyTheHistory) {
  const Profile profile = support::small_profile();
  const std::string carrier = encode_history(profile);
  for (std::size_t length = std::string("#holdfast:1:").size(); length < carrier.size(); ++length) {
    const Profile decoded = read(profile, {carrier.substr(0, length)});
    EXPECT_FALSE(decoded.history) << length;
    EXPECT_THAT(decoded.history_note, HasSubstr("ages cannot be read")) << length;
    EXPECT_EQ(decoded.samples, profile.samples);
  }
}

TEST(HistoryCarrier, EveryPrefixAndFlipOfTheMessageIsSurvived) {
  const Profile profile = support::small_profile();
  const std::optional<std::string> deflated =
      base64_decode(encode_history(profile).substr(std::string("#holdfast:1:").size()));
  ASSERT_TRUE(deflated);
  const Result<std::string> message = base::zlib_inflate(*deflated, 1 << 20);
  ASSERT_TRUE(message);
  int refused = 0;
  for (std::size_t at = 0; at < message->size(); ++at) {
    read(profile, {packed(message->substr(0, at))});
    for (int flip : {0x01, 0x08, 0x40, 0x80, 0xff}) {
      std::string broken = *message;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const Profile decoded = read(profile, {packed(broken)});
      if (decoded.history_note.empty()) continue;
      ++refused;
      EXPECT_EQ(decoded.history_note.find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(HistoryCarrier, NumbersThatCannotBeAreRefused) {
  const auto note = [](auto change) {
    Profile profile = support::small_profile();
    change(*profile.history);
    const Profile decoded = read(profile, {encode_history(profile)});
    EXPECT_FALSE(decoded.history);
    return decoded.history_note;
  };
  EXPECT_THAT(note([](HeapHistory& h) { h.sites[0].lifetimes[0].bucket = kLifetimeBuckets; }),
              HasSubstr("bucket is out of range"));
  EXPECT_THAT(note([](HeapHistory& h) { h.sites[0].lifetimes[0].bucket = -1; }),
              HasSubstr("bucket is out of range"));
  EXPECT_THAT(note([](HeapHistory& h) { h.sites[0].lifetimes[1].bucket = 0; }),
              HasSubstr("bucket is out of range"));
  EXPECT_THAT(note([](HeapHistory& h) { h.sites[0].live[0].variance = -1; }),
              HasSubstr("negative or not finite"));
  EXPECT_THAT(note([](HeapHistory& h) { h.work[1].work = std::numeric_limits<double>::quiet_NaN(); }),
              HasSubstr("negative or not finite"));
  EXPECT_THAT(note([](HeapHistory& h) { h.sites[0].live[0].birth_ns = h.sites[0].live[1].birth_ns + 1000; }),
              HasSubstr("out of order"));
  EXPECT_THAT(note([](HeapHistory& h) { std::swap(h.work[0], h.work[2]); }), HasSubstr("out of order"));
}

TEST(HistoryCarrier, ABombIsRefused) {
  const Profile decoded = read(support::small_profile(), {packed(std::string(std::size_t{80} << 20, '\0'))});
  EXPECT_FALSE(decoded.history);
  EXPECT_THAT(decoded.history_note, HasSubstr("inflates to more than"));
}

TEST(HistoryCarrier, AForeignCommentThatLooksLikeOneIsNotWritten) {
  Profile profile = support::small_profile();
  profile.comments.push_back("#holdfast:1:AAAA");
  const Result<Profile> decoded = decode_pprof(encode_pprof(profile));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->history, profile.history) << decoded->history_note;
  EXPECT_EQ(decoded->comments, support::small_profile().comments);
}

// The endpoint promises less than 4 MiB inflated for 16,000 samples.
TEST(HistoryCarrier, SixteenThousandSitesFitIntoTheEndpointsLimit) {
  for (const bool exact : {false, true}) {
    const Profile profile = support::server_profile(16'000, exact ? 6 : 3, exact);
    const std::size_t carrier_bytes = encode_history(profile).size();
    RecordProperty(exact ? "exact_carrier_bytes" : "sampled_carrier_bytes", static_cast<int>(carrier_bytes));
    const Result<std::string> inflated = base::gunzip(encode_pprof(profile), std::size_t{64} << 20);
    ASSERT_TRUE(inflated);
    RecordProperty(exact ? "exact_inflated_bytes" : "sampled_inflated_bytes",
                   static_cast<int>(inflated->size()));
    EXPECT_LT(carrier_bytes, std::size_t{5} << 19) << (exact ? "exact" : "sampled");
    EXPECT_LT(inflated->size(), std::size_t{4} << 20) << (exact ? "exact" : "sampled");
  }
}

TEST(StackKey, IsTheNameOfARowWhateverItsIndices) {
  const Profile profile = support::small_profile();
  const std::uint64_t key = stack_key(profile, profile.samples[0]);
  EXPECT_EQ(key, 5757334797884767023u)
      << "the key is part of the file format: a change needs a new carrier version";
  Profile renumbered = profile;
  std::swap(renumbered.locations[0], renumbered.locations[1]);
  renumbered.samples[0].locations = {1, 0};
  EXPECT_EQ(stack_key(renumbered, renumbered.samples[0]), key);
}

TEST(StackKey, DiffersByStackOrderDepthAndLabels) {
  const Profile profile = support::small_profile();
  const Sample& sample = profile.samples[0];
  const auto key = [&](auto change) {
    Sample changed = sample;
    change(changed);
    return stack_key(profile, changed);
  };
  const std::vector<std::uint64_t> keys = {
      stack_key(profile, sample),
      key([](Sample& s) { std::swap(s.locations[0], s.locations[1]); }),
      key([](Sample& s) { s.locations.pop_back(); }),
      key([](Sample& s) { s.locations.clear(); }),
      key([](Sample& s) { s.labels.clear(); }),
      key([](Sample& s) { s.labels[0].text = "acmf"; }),
      key([](Sample& s) {
        s.labels[0].key = "tenan";
        s.labels[0].text = "tacme";
      }),
      key([](Sample& s) { s.labels[1].number = 65'537; }),
      key([](Sample& s) { s.labels[1].unit = "kilobytes"; }),
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]) << i << " and " << j;
  }
}

TEST(StackKey, ARowWithoutAddressesGoesByItsNames) {
  Profile profile;
  profile.functions = {{"folded: 12 sites", "", "", 0}, {"other", "", "", 0}};
  profile.locations = {{kNoMapping, 0, {{0, 0}}, false}, {kNoMapping, 0, {{1, 0}}, false}};
  EXPECT_NE(stack_key(profile, {{0}, {}, {}}), stack_key(profile, {{1}, {}, {}}));
}

TEST(Base64, GivesBackWhatWasPutInAndRefusesTheRest) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(base64_encode("Man"), "TWFu");
  EXPECT_EQ(base64_encode("Ma"), "TWE=");
  EXPECT_EQ(base64_encode("M"), "TQ==");
  for (const char* text : {"TWF", "TWF\n", "TQ=a", "T===", "====", "TQ==TWFu", "TR==", "TWF=", "TW-u"}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace holdfast::profile
