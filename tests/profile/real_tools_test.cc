// The tools that people point at these files, run for real: go tool pprof, and the perl google-pprof and
// jeprof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/decode.h"
#include "profile/jemalloc_text.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "support/command.h"
#include "support/profiles.h"
#include "support/temporary.h"

namespace holdfast::profile {
namespace {

using holdfast::support::CommandResult;
using holdfast::support::run_command;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class RealTools : public ::testing::Test {
 protected:
  // Writes `bytes` to a file of the test's own folder.
  std::string file(const std::string& name, const std::string& bytes) {
    holdfast::testing::write_text(folder_.file(name), bytes);
    return folder_.file(name);
  }
  CommandResult go_pprof(const std::string& arguments) {
    return run_command("PPROF_TMPDIR=" + folder_.path() + " go tool pprof " + arguments);
  }
  void require(const std::string& tool) {
    if (!support::has_command(tool)) GTEST_SKIP() << tool << " is not installed";
  }

  holdfast::testing::TemporaryDirectory folder_;
};

class GoPprof : public RealTools {
 protected:
  void SetUp() override { require("go"); }
};

TEST_F(GoPprof, ShowsTheFunctionsAndTheirBytes) {
  const std::string path = file("heap.pb.gz", encode_pprof(support::small_profile()));
  const CommandResult top = go_pprof("-top -unit=bytes " + path);
  EXPECT_EQ(top.exit_code, 0) << top.output;
  EXPECT_THAT(top.output, HasSubstr("Type: inuse_space"));
  EXPECT_THAT(top.output, HasSubstr("File: server"));
  EXPECT_THAT(top.output, ContainsRegex("573742B +100% .*store::keep"));
  const CommandResult allocated = go_pprof("-top -unit=bytes -sample_index=alloc_space " + path);
  EXPECT_THAT(allocated.output, ContainsRegex("3932460B .*store::keep"));
}

TEST_F(GoPprof, ShowsCommentsForPeopleButNotTheCarrierInReports) {
  const std::string path = file("heap.pb.gz", encode_pprof(support::small_profile()));
  const CommandResult top = go_pprof("-top " + path);
  EXPECT_EQ(top.exit_code, 0);
  EXPECT_THAT(top.output, AllOf(HasSubstr("recording since start"), HasSubstr("unwinder: eh_frame")));
  EXPECT_THAT(top.output, Not(HasSubstr("#holdfast")));
  const CommandResult comments = go_pprof("-comments " + path);
  EXPECT_EQ(comments.exit_code, 0);
  EXPECT_THAT(comments.output, AllOf(HasSubstr("recording since start"), HasSubstr("#holdfast:1:")));
}

TEST_F(GoPprof, ShowsLabelsAndTheWholeTables) {
  const std::string path = file("heap.pb.gz", encode_pprof(support::small_profile()));
  const CommandResult tags = go_pprof("-tags " + path);
  EXPECT_EQ(tags.exit_code, 0);
  EXPECT_THAT(tags.output, AllOf(HasSubstr("tenant"), HasSubstr("acme"), HasSubstr("/v1/register")));
  const CommandResult raw = go_pprof("-raw " + path);
  EXPECT_EQ(raw.exit_code, 0);
  EXPECT_THAT(raw.output,
              AllOf(HasSubstr("PeriodType: space bytes"), HasSubstr("Period: 65536"),
                    HasSubstr("alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes"),
                    HasSubstr("1: 0x400000/0x500000/0x1000 /usr/bin/server 0123abcd [FN][FL][LN][IN]")));
}

TEST_F(GoPprof, TheHistorySurvivesBeingWrittenBack) {
  const Profile profile = support::small_profile();
  const std::string path = file("heap.pb.gz", encode_pprof(profile));
  const CommandResult rewrite = go_pprof("-proto -output=" + folder_.file("again.pb.gz") + " " + path);
  ASSERT_EQ(rewrite.exit_code, 0) << rewrite.output;
  const Result<Profile> decoded = decode(holdfast::testing::read_text(folder_.file("again.pb.gz")));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->comments, profile.comments);
  ASSERT_TRUE(decoded->history) << decoded->history_note;
  EXPECT_EQ(decoded->history_note, "");
  ASSERT_EQ(decoded->history->sites.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    SiteHistory site = decoded->history->sites[i];
    const SiteHistory& wanted = profile.history->sites[i];
    EXPECT_EQ(decoded->samples[site.sample].values, profile.samples[wanted.sample].values);
    site.sample = wanted.sample;
    EXPECT_EQ(site, wanted);
  }
}

TEST_F(GoPprof, AServersHistorySurvivesBeingWrittenBack) {
  const Profile profile = support::server_profile(3000, 2, false);
  const std::string path = file("heap.pb.gz", encode_pprof(profile));
  ASSERT_EQ(go_pprof("-proto -output=" + folder_.file("again.pb.gz") + " " + path).exit_code, 0);
  const Result<Profile> decoded = decode(holdfast::testing::read_text(folder_.file("again.pb.gz")));
  ASSERT_TRUE(decoded) << decoded.error().what;
  ASSERT_TRUE(decoded->history) << decoded->history_note;
  EXPECT_EQ(decoded->history_note, "");
  EXPECT_EQ(decoded->history->sites.size(), 3000u);
}

TEST_F(GoPprof, AFilteredProfileSaysWhoseAgesAreGone) {
  const std::string path = file("heap.pb.gz", encode_pprof(support::small_profile()));
  const std::string out = folder_.file("part.pb.gz");
  ASSERT_EQ(go_pprof("-proto -tagfocus=acme -output=" + out + " " + path).exit_code, 0);
  const Result<Profile> decoded = decode(holdfast::testing::read_text(out));
  ASSERT_TRUE(decoded) << decoded.error().what;
  ASSERT_TRUE(decoded->history) << decoded->history_note;
  EXPECT_EQ(decoded->history->sites.size(), 1u);
  EXPECT_THAT(decoded->history_note, HasSubstr("ages of 1 of 2 sites"));
}

TEST_F(GoPprof, AMergedProfileHasNoAgesAndSaysSo) {
  Profile later = support::small_profile();
  later.history->uptime_ns += 1'000'000'000;
  later.history->work.back().time_ns += 1'000'000'000;
  const std::string first = file("first.pb.gz", encode_pprof(support::small_profile()));
  const std::string second = file("second.pb.gz", encode_pprof(later));
  const std::string out = folder_.file("both.pb.gz");
  ASSERT_EQ(go_pprof("-proto -output=" + out + " " + first + " " + second).exit_code, 0);
  const Result<Profile> decoded = decode(holdfast::testing::read_text(out));
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_FALSE(decoded->history);
  EXPECT_THAT(decoded->history_note, HasSubstr("merged from 2 snapshots"));
}

TEST_F(GoPprof, ComparesWithABase) {
  Profile later = support::small_profile();
  later.samples[0].values[3] += 1000;
  const std::string base = file("base.pb.gz", encode_pprof(support::small_profile()));
  const std::string current = file("current.pb.gz", encode_pprof(later));
  const CommandResult growth = go_pprof("-top -unit=bytes -base=" + base + " " + current);
  EXPECT_EQ(growth.exit_code, 0) << growth.output;
  EXPECT_THAT(growth.output, ContainsRegex("1000B +100% .*store::keep"));
}

TEST_F(GoPprof, ReadsOurLegacyTextWithFourTypes) {
  Profile profile = support::small_profile();
  for (Sample& sample : profile.samples) sample.values = {5, 5120, 5, 5120};  // nothing freed
  const Result<std::string> text = encode_legacy_text(profile);
  ASSERT_TRUE(text);
  const std::string path = file("heap.txt", *text);
  const CommandResult raw = go_pprof("-raw -symbolize=none " + path);
  EXPECT_EQ(raw.exit_code, 0) << raw.output;
  EXPECT_THAT(raw.output,
              HasSubstr("alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes"));
  EXPECT_THAT(raw.output, ContainsRegex(" +5 +5120 +5 +5120:"));
  EXPECT_THAT(raw.output, HasSubstr("0x401000 M=1"));
  const CommandResult growth = go_pprof("-top -symbolize=none -base=" + path + " " + path);
  EXPECT_EQ(growth.exit_code, 0) << growth.output;
}

// Sums of one value over all rows, as `go tool pprof -raw` lists them, against ours.
TEST_F(GoPprof, UnbiasesTextsAsWeDo) {
  for (const char* kind : {"heap_v2/524288", "heap/1048576"}) {
    const std::string text = std::string("heap profile: 3: 9000 [5: 90000] @ ") + kind +
                             "\n2: 2000 [3: 20000] @ 0x401001\n1: 7000 [2: 70000] @ 0x402001\n";
    const Result<Profile> ours = decode_legacy_text(text);
    ASSERT_TRUE(ours) << ours.error().what;
    const std::string path = file("sampled.txt", text);
    const std::string out = folder_.file("theirs.pb.gz");
    ASSERT_EQ(go_pprof("-proto -symbolize=none -output=" + out + " " + path).exit_code, 0);
    const Result<Profile> theirs = decode(holdfast::testing::read_text(out));
    ASSERT_TRUE(theirs) << theirs.error().what;
    EXPECT_EQ(theirs->sample_types, ours->sample_types);
    ASSERT_EQ(theirs->samples.size(), 2u);
    for (std::size_t row = 0; row < 2; ++row) {
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(static_cast<double>(theirs->samples[row].values[i]),
                    static_cast<double>(ours->samples[row].values[i]), 1)
            << kind;  // they cut, we round
      }
    }
  }
}

TEST_F(GoPprof, ItsOwnProfilesAreRead) {
  // Any profile that another program wrote will do: pprof's rewriting of our text, with its own tables.
  const Result<std::string> text = encode_legacy_text(support::small_profile());
  ASSERT_TRUE(text);
  const std::string out = folder_.file("theirs.pb.gz");
  ASSERT_EQ(go_pprof("-proto -symbolize=none -output=" + out + " " + file("heap.txt", *text)).exit_code, 0);
  const Result<Profile> theirs = decode(holdfast::testing::read_text(out));
  ASSERT_TRUE(theirs) << theirs.error().what;
  EXPECT_EQ(theirs->samples.size(), 3u);
  EXPECT_FALSE(theirs->history);
  EXPECT_EQ(theirs->history_note, "");
}

class GooglePprof : public RealTools {
 protected:
  void SetUp() override { require("google-pprof"); }
};

TEST_F(GooglePprof, ReadsOurLegacyText) {
  Profile profile = support::small_profile();
  profile.samples[0].locations.clear();  // a row without a stack must not be lost
  const Result<std::string> text = encode_legacy_text(profile);
  ASSERT_TRUE(text);
  const std::string path = file("heap.txt", *text);
  const CommandResult in_use =
      run_command("google-pprof --text --show_bytes --inuse_space /bin/true " + path);
  EXPECT_EQ(in_use.exit_code, 0) << in_use.output;
  EXPECT_THAT(in_use.output, HasSubstr("Total: 573742 B")) << in_use.output;
  const CommandResult allocated =
      run_command("google-pprof --text --show_bytes --alloc_space /bin/true " + path);
  EXPECT_THAT(allocated.output, HasSubstr("Total: 3933160 B")) << allocated.output;
}

TEST_F(GooglePprof, ReadsOurLegacyTextWithALeadingZero) {
  Profile profile = support::small_profile();
  for (Sample& sample : profile.samples) sample.values = {5, 5120, 5, 5120};
  const Result<std::string> text = encode_legacy_text(profile);
  ASSERT_TRUE(text);
  ASSERT_THAT(*text, HasSubstr("[015: 015360]"));
  const CommandResult allocated =
      run_command("google-pprof --text --show_bytes --alloc_space /bin/true " + file("heap.txt", *text));
  EXPECT_THAT(allocated.output, HasSubstr("Total: 15360 B")) << allocated.output;
}

class Jeprof : public RealTools {
 protected:
  void SetUp() override { require("jeprof"); }
};

TEST_F(Jeprof, UnbiasesDumpsAsWeDo) {
  const std::string dump =
      "heap_v2/524288\n  t*: 3: 9000 [5: 90000]\n  t0: 3: 9000 [5: 90000]\n"
      "@ 0x401001 0x402001\n  t*: 2: 2000 [3: 20000]\n  t0: 2: 2000 [3: 20000]\n"
      "@ 0x403001\n  t*: 1: 7000 [2: 70000]\n  t0: 1: 7000 [2: 70000]\n\nMAPPED_LIBRARIES:\n";
  const Result<Profile> ours = decode_jemalloc_text(dump);
  ASSERT_TRUE(ours) << ours.error().what;
  const std::string path = file("je.heap", dump);
  const auto total = [&](const std::string& type) {
    std::int64_t sum = 0;
    for (const Sample& sample : ours->samples)
      sum += sample.values[static_cast<std::size_t>(value_index(*ours, type))];
    return "Total: " + std::to_string(sum) + " B";
  };
  for (const char* type : {"inuse_space", "alloc_space"}) {
    const CommandResult theirs =
        run_command(std::string("jeprof --text --show_bytes --") + type + " /bin/true " + path);
    EXPECT_EQ(theirs.exit_code, 0) << theirs.output;
    EXPECT_THAT(theirs.output, HasSubstr(total(type)));
  }
}

TEST_F(Jeprof, ARealDumpOfJemallocGivesTheSameTotal) {
  const char* library = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2";
  if (run_command(std::string("test -e ") + library).exit_code != 0)
    GTEST_SKIP() << library << " is not installed";
  const std::string prefix = folder_.file("je");
  const CommandResult ran =
      run_command("MALLOC_CONF=prof:true,lg_prof_sample:10,prof_final:true,prof_prefix:" + prefix +
                  " LD_PRELOAD=" + library + " perl -e '@x = map { \"$_\" x 50 } 1..2000'");
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const CommandResult list = run_command("ls " + prefix + ".*.heap | head -n 1 | tr -d '\\n'");
  const Result<Profile> ours = decode(holdfast::testing::read_text(list.output));
  ASSERT_TRUE(ours) << ours.error().what << list.output;
  EXPECT_GT(ours->samples.size(), 5u);
  EXPECT_GT(ours->mappings.size(), 3u);
  double bytes = 0;
  for (const Sample& sample : ours->samples) bytes += static_cast<double>(sample.values[1]);
  const CommandResult theirs =
      run_command("jeprof --text --show_bytes --inuse_space /usr/bin/perl " + list.output);
  const std::size_t at = theirs.output.find("Total: ");
  ASSERT_NE(at, std::string::npos) << theirs.output;
  EXPECT_NEAR(std::stod(theirs.output.substr(at + 7)), bytes, static_cast<double>(ours->samples.size()));
}

}  // namespace
}  // namespace holdfast::profile
