#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "support/http_server.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::Outcome;
using testing::TemporaryDirectory;

profile::Profile heap_profile() {
  profile::Profile profile;
  profile.sample_types = {{"alloc_space", "bytes"}, {"inuse_space", "bytes"}};
  profile.functions = {{"leak", "leak", "", 0}};
  profile.locations = {{profile::kNoMapping, 0x1000, {{0, 0}}, false}};
  profile.samples = {{{0}, {8192, 4096}, {}}};
  profile.period_type = {"space", "bytes"};
  profile.period = 1;
  return profile;
}

profile::Profile heap_profile_of_four() {
  profile::Profile profile = heap_profile();
  profile.sample_types = {{"alloc_objects", "count"},
                          {"alloc_space", "bytes"},
                          {"inuse_objects", "count"},
                          {"inuse_space", "bytes"}};
  profile.samples[0].values = {2, 8192, 1, 4096};
  return profile;
}

TEST(Get, SavesTheBytesAsTheyCame) {
  const std::string bytes = profile::encode_pprof(heap_profile());
  testing::HttpServer server;
  server.routes().Get("/debug/pprof/heap", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(bytes, "application/octet-stream");
  });
  server.start();
  const TemporaryDirectory directory;
  const Outcome outcome = testing::holdfast({"get", server.address(), "-o", directory.file("out.pb.gz")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, HasSubstr("out.pb.gz: 1 sites, 4.0 KiB in use, every allocation counted"));
  EXPECT_EQ(testing::read_text(directory.file("out.pb.gz")), bytes);
  EXPECT_EQ(directory.entries(), 1);
}

TEST(Get, NamesTheFileAfterTheTimeByDefault) {
  const TemporaryDirectory directory;
  const std::string bytes = profile::encode_pprof(heap_profile());
  const Outcome outcome = testing::holdfast({"get", "-"}, {.input = bytes, .directory = directory.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(directory.entries(), 1);
  const auto saved = *std::filesystem::directory_iterator(directory.path());
  EXPECT_THAT(saved.path().filename().string(), MatchesRegex("heap\\.[0-9]{8}-[0-9]{6}\\.pb\\.gz"));
  EXPECT_EQ(testing::read_text(saved.path()), bytes);
}

TEST(Get, CallsTextByItsName) {
  const auto text = profile::encode_legacy_text(heap_profile_of_four());
  ASSERT_TRUE(text) << text.error().what;
  const TemporaryDirectory directory;
  const Outcome outcome = testing::holdfast({"get", "-"}, {.input = *text, .directory = directory.path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(directory.entries(), 1);
  const auto saved = *std::filesystem::directory_iterator(directory.path());
  EXPECT_THAT(saved.path().filename().string(), MatchesRegex("heap\\.[0-9]{8}-[0-9]{6}\\.txt"));
  EXPECT_EQ(testing::read_text(saved.path()), *text);
}

TEST(Get, WritesToStandardOutputWhenAsked) {
  const std::string bytes = profile::encode_pprof(heap_profile());
  const Outcome outcome = testing::holdfast({"get", "-", "-o", "-"}, {.input = bytes});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, bytes);
}

TEST(Get, ABadOutputIsToldBeforeTheServerIsAsked) {
  int requests = 0;
  testing::HttpServer server;
  server.routes().Get("/debug/pprof/heap", [&](const httplib::Request&, httplib::Response&) { ++requests; });
  server.start();
  const Outcome outcome = testing::holdfast({"get", server.address(), "-o", "/no/such/directory/out"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("cannot write /no/such/directory/out"));
  EXPECT_EQ(requests, 0);
}

TEST(Get, LeavesAnOlderFileAloneWhenTheSourceIsBad) {
  const TemporaryDirectory directory;
  testing::write_text(directory.file("out"), "older");
  EXPECT_EQ(testing::holdfast({"get", "-", "-o", directory.file("out")}, {.input = "garbage"}).exit_code, 2);
  EXPECT_EQ(testing::read_text(directory.file("out")), "older");
  EXPECT_EQ(directory.entries(), 1);
}

}  // namespace
}  // namespace holdfast
