// Every case of the hazards program, over each allocator, preloaded and linked, sampled and exact: it says
// and does what it does without Holdfast.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "profile/decode.h"
#include "profile/profile.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Outcome;
using ::testing::StartsWith;

const std::vector<std::string> kAllocators = {"glibc", "tcmalloc", "tcmalloc_minimal", "jemalloc"};

// What makes the bare program use the allocator.
std::string library_of(const std::string& allocator) {
  if (allocator == "glibc") return "";
  return "lib" + allocator + (allocator == "jemalloc" ? ".so.2" : ".so.4");
}

// What Holdfast said, but for where it listens.
std::string complaints(const std::string& err) {
  std::istringstream lines(err);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("holdfast") && line.find(" listens at ") == std::string::npos) found += line + "\n";
  }
  return found;
}

std::string program(const std::string& name) { return HAZARDS_FOLDER "/hazards_" + name; }

std::vector<std::string> cases() {
  std::istringstream lines(testing::run({program("bare"), "--list"}).out);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  return all;
}

class Hazard : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::string hazard_ = std::get<0>(GetParam());
  std::string allocator_ = std::get<1>(GetParam());
  Outcome bare_ =
      testing::run({program("bare"), hazard_}, {.environment = {{"LD_PRELOAD", library_of(allocator_)}}});

  void SetUp() override { ASSERT_EQ(bare_.exit_code, 0) << "already without Holdfast: " << bare_.err; }

  void expect_alike(const Outcome& outcome, const std::string& how) {
    SCOPED_TRACE(how);
    EXPECT_FALSE(outcome.timed_out);
    EXPECT_EQ(outcome.signal, 0) << outcome.err;
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, bare_.out);
    EXPECT_THAT(complaints(outcome.err), IsEmpty());
  }
};

TEST_P(Hazard, UnderHoldfastRun) {
  for (const bool exact : {true, false}) {
    const testing::TemporaryDirectory directory;
    ::chmod(directory.path().c_str(), 01777);  // one case becomes another user
    std::vector<std::string> words = {"run", "--dump", directory.path(), "--listen", "127.0.0.1:0"};
    if (exact) words.insert(words.end(), {"--exact"});
    if (!exact) words.insert(words.end(), {"--interval", "8KiB"});
    words.insert(words.end(), {"--", program("bare"), hazard_});
    expect_alike(testing::holdfast(words, {.environment = {{"LD_PRELOAD", library_of(allocator_)}}}),
                 exact ? "exact" : "sampled");
    const std::filesystem::directory_iterator dumps(directory.path());
    if (dumps == std::filesystem::directory_iterator()) continue;
    const Outcome top = testing::holdfast({"top", dumps->path()});
    EXPECT_EQ(top.exit_code, 0) << top.err;
  }
}

TEST_P(Hazard, WithHoldfastLinked) {
  for (const char* mode : {"exact", "sampled", ""}) {
    expect_alike(
        testing::run({program("linked_" + allocator_), hazard_}, {.environment = {{"HAZARDS_MODE", mode}}}),
        *mode == '\0' ? "not recording" : mode);
  }
}

// Where another malloc comes before Holdfast's, in LD_PRELOAD or in the executable, the allocator's own hooks
// serve.
class AnAllocatorThatComesFirst : public ::testing::TestWithParam<std::string> {
 protected:
  // The program under holdfast, exact, to its end: it must go as without; returns what the dump says of the
  // hook.
  std::string hook_of(const std::vector<std::string>& words, const std::string& hazard) {
    const testing::TemporaryDirectory directory;
    std::vector<std::string> all = {"run",    "--exact",        "--listen", "127.0.0.1:0",
                                    "--dump", directory.path(), "--"};
    all.insert(all.end(), words.begin(), words.end());
    all.push_back(hazard);
    const Outcome outcome = testing::holdfast(all);
    EXPECT_EQ(outcome.exit_code, 0) << hazard << outcome.err;
    EXPECT_EQ(outcome.out, hazard + ": well\n");
    EXPECT_THAT(complaints(outcome.err), IsEmpty());
    for (const auto& dump : std::filesystem::directory_iterator(directory.path())) {
      const auto profile = profile::decode(testing::read_text(dump.path()));
      if (!profile) return profile.error().what;
      if (profile->samples.empty()) return "an empty profile";
      for (const std::string& comment : profile->comments) {
        if (comment.starts_with("# hook: ")) return comment;
      }
    }
    return "no dump";
  }
  const char* expected() const {
    return GetParam() == "jemalloc" ? "# hook: jemalloc's experimental.hooks"
                                    : "# hook: gperftools' MallocHook";
  }
};

constexpr const char* kSomeHazards[] = {"zero_bytes",
                                        "realloc_across_every_border",
                                        "alignments",
                                        "fork_while_threads_allocate",
                                        "handlers_that_allocate",
                                        "allocations_after_main",
                                        "thread_exit_destructors_that_allocate"};

TEST_P(AnAllocatorThatComesFirst, InTheListOfPreloads) {
  const std::string prepend = "LD_PRELOAD=" + library_of(GetParam()) + ":$LD_PRELOAD exec \"$0\" \"$@\"";
  for (const char* hazard : kSomeHazards) {
    EXPECT_THAT(hook_of({"sh", "-c", prepend, program("bare")}, hazard), StartsWith(expected())) << hazard;
  }
}

TEST_P(AnAllocatorThatComesFirst, InTheExecutable) {
  for (const char* hazard : kSomeHazards) {
    EXPECT_THAT(hook_of({program("static_" + GetParam())}, hazard), StartsWith(expected())) << hazard;
  }
}

TEST_P(AnAllocatorThatComesFirst, InAStrippedExecutableIsToldOf) {
  const testing::TemporaryDirectory directory;
  const std::string stripped = directory.file("stripped");
  ASSERT_EQ(testing::run({"strip", "-o", stripped, program("static_" + GetParam())}).exit_code, 0);
  const Outcome outcome =
      testing::holdfast({"run", "--exact", "--listen", "127.0.0.1:0", "--", stripped, "zero_bytes"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "zero_bytes: well\n");
  EXPECT_THAT(outcome.err, HasSubstr("do not come through Holdfast"));
  EXPECT_THAT(outcome.err, HasSubstr("the program runs on unprofiled"));
}

INSTANTIATE_TEST_SUITE_P(Over, AnAllocatorThatComesFirst,
                         ::testing::Values("tcmalloc", "tcmalloc_minimal", "jemalloc"),
                         [](const auto& test) { return test.param; });

INSTANTIATE_TEST_SUITE_P(Of, Hazard,
                         ::testing::Combine(::testing::ValuesIn(cases()), ::testing::ValuesIn(kAllocators)),
                         [](const auto& test) {
                           return std::get<0>(test.param) + "_over_" + std::get<1>(test.param);
                         });

}  // namespace
}  // namespace holdfast
