// `watch`, `baseline` and `convert` from end to end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "profile/pprof.h"
#include "support/http_server.h"
#include "support/raw_server.h"
#include "support/snapshot_builder.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Life;
using testing::Outcome;
using testing::SnapshotBuilder;
using ::testing::StartsWith;

// A program that leaks at app::keep, as it stands after `seconds`.
profile::Profile leaking(double seconds) {
  std::vector<Life> lives;
  for (double t = 0; t < seconds; t += 5) lives.push_back({t, 1e18, 4096});
  return SnapshotBuilder(seconds, 1).site("app::keep(int)", lives).profile();
}

class Watch : public ::testing::Test {
 protected:
  // Each request finds the program an hour older.
  void serve_from(int first_hour) {
    hour_ = first_hour;
    server_.routes().Get("/debug/pprof/heap", [this](const httplib::Request&, httplib::Response& response) {
      if (hour_ == failing_hour_) {
        ++hour_;
        response.status = 503;
        return;
      }
      response.set_content(profile::encode_pprof(leaking(3600.0 * hour_++)), "application/octet-stream");
    });
    server_.start();
  }

  testing::HttpServer server_;
  testing::TemporaryDirectory directory_;
  std::atomic<int> hour_ = 1;
  std::atomic<int> failing_hour_ = -1;
};

TEST_F(Watch, TellsALinePerSnapshotInAPipeAndEndsWithTheVerdict) {
  serve_from(1);
  const Outcome outcome = testing::holdfast({"watch", server_.address(), "--every", "50ms", "--for", "100ms",
                                             "--no-holders", "--keep", directory_.file("kept")});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("2 h  8.4 MiB in use, +5.6 MiB, most of it +5.6 MiB at app::keep(...)"));
  EXPECT_THAT(outcome.out, HasSubstr("LEAK  app::keep(...)"));
  EXPECT_THAT(outcome.out, HasSubstr("since the first snapshot"));
  const Outcome again =
      testing::holdfast({"check", directory_.file("kept/heap.00000.pb.gz"),
                         directory_.file("kept/heap.00001.pb.gz"), directory_.file("kept/heap.00002.pb.gz")});
  EXPECT_EQ(again.out, outcome.out) << "the kept series tells the same";
}

TEST_F(Watch, EndsEarlyWithItsVerdictWhenInterrupted) {
  serve_from(1);
  testing::Process process(testing::tool_words({"watch", server_.address(), "--every", "1h", "--for", "2h"}));
  // The first snapshot is taken with the signal's handler in place.
  while (hour_ < 2) std::this_thread::yield();
  process.send_signal(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("LEAK  app::keep(...)"));
}

TEST_F(Watch, BearsOneMissingSnapshotButNoProgramThatIsGone) {
  failing_hour_ = 2;
  serve_from(1);
  const std::vector<std::string> words = {"watch", server_.address(), "--every", "20ms", "--for", "60ms"};
  const Outcome outcome = testing::holdfast(words);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("no snapshot: "));
  EXPECT_EQ(testing::holdfast({"watch", "127.0.0.1:" + std::to_string(testing::unused_port())}).exit_code, 2);
}

TEST_F(Watch, WrongFlagsAreTold) {
  for (const char* every : {"often", "0"}) {
    const Outcome outcome = testing::holdfast({"watch", "127.0.0.1:1", "--every", every});
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

class Files : public ::testing::Test {
 protected:
  std::string file_of(const profile::Profile& profile, const std::string& name) {
    testing::write_text(directory_.file(name), profile::encode_pprof(profile));
    return directory_.file(name);
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(Files, ABaselineLetsWhatWasThereBeforePass) {
  const std::string snapshot = file_of(leaking(3600), "a.pb.gz"), baseline = directory_.file("baseline.json");
  ASSERT_EQ(testing::holdfast({"check", snapshot}).exit_code, 1);
  ASSERT_EQ(testing::holdfast({"baseline", snapshot, "-o", baseline}).exit_code, 0);
  const Outcome same = testing::holdfast({"check", snapshot, "--baseline", baseline});
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.out, HasSubstr("LEAK  app::keep(...)  [server]  (same)"));
  ASSERT_EQ(testing::holdfast({"check", snapshot, "--format", "baseline=" + directory_.file("again.json")})
                .exit_code,
            1);
  EXPECT_EQ(testing::read_text(directory_.file("again.json")), testing::read_text(baseline));
  std::vector<Life> none = {{0, 1, 100}, {1, 2, 100}, {2, 3, 100}, {3, 4, 100}, {4, 5, 100}};
  const std::string fixed =
      file_of(SnapshotBuilder(3600, 1).site("app::keep(int)", none).profile(), "b.pb.gz");
  const Outcome gone = testing::holdfast({"check", fixed, "--baseline", baseline});
  EXPECT_EQ(gone.exit_code, 0);
  EXPECT_THAT(gone.out, HasSubstr("absent since the baseline: app::keep(...)"));
}

TEST_F(Files, ConvertWritesWhatTheOtherToolsRead) {
  const std::string snapshot = file_of(leaking(3600), "a.pb.gz");
  const auto convert = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"convert", snapshot});
    const Outcome outcome = testing::holdfast(flags);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  };
  EXPECT_EQ(convert({"--to", "collapsed"}), "app::keep(int) 2949120\n");
  EXPECT_EQ(convert({"--to", "collapsed", "--type", "inuse_objects"}), "app::keep(int) 720\n");
  EXPECT_THAT(convert({"--to", "legacy"}), AllOf(StartsWith("heap profile: 720: 2949120 ["),
                                                 HasSubstr("\n720: 2949120 [720: 2949120] @ 0x1001\n")));
  EXPECT_THAT(convert({"--to", "jemalloc"}),
              StartsWith("heap_v2/1\n  t*: 720: 2949120 [720: 2949120]\n@ 0x1001\n"));
  convert({"-o", directory_.file("b.pb.gz")});
  EXPECT_EQ(testing::holdfast({"check", directory_.file("b.pb.gz")}).exit_code, 1) << "ages are kept";
  convert({"--to", "jemalloc", "-o", directory_.file("c.heap")});
  EXPECT_THAT(testing::holdfast({"top", directory_.file("c.heap")}).out, HasSubstr("2.8 MiB in use"));
  convert({"-o", directory_.file("d.txt")});
  EXPECT_THAT(testing::read_text(directory_.file("d.txt")), StartsWith("heap profile: "));
  EXPECT_EQ(testing::holdfast({"convert", snapshot, "--to", "collapsed", "--type", "cpu"}).exit_code, 2);
}

TEST_F(Files, TopShowsColumnsAndWhatLiesBelow) {
  profile::Profile profile = leaking(3600);
  profile.functions.push_back({"app::main_loop()", "", "", 0});
  profile.locations.push_back({0, 0x5000, {{1, 0}}, false});
  profile.samples[0].locations.push_back(1);
  const std::string snapshot = file_of(profile, "a.pb.gz");
  EXPECT_THAT(testing::holdfast({"top", snapshot}).out,
              ContainsRegex("2.8 MiB +720 +2.8 MiB +720 +100 %.*keep"));
  const Outcome below = testing::holdfast({"top", snapshot, "--cum", "--by", "alloc_objects"});
  EXPECT_THAT(below.out, ContainsRegex("2.8 MiB.*app::main_loop"));
  EXPECT_EQ(testing::holdfast({"top", snapshot, "--by", "size"}).exit_code, 2);
}

}  // namespace
}  // namespace holdfast
