// Every kind of holder of the corpus, over each allocator, with all names, symbols only, and none.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/subprocess.h"

namespace holdfast::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// The corpus program, alive until this goes.
class Corpus {
 public:
  Corpus(const std::string& program, std::vector<std::string> words) {
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
    const std::string path = HOLDFAST_CORPUS + program;
    words.insert(words.begin(), path);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      execv(path.c_str(), arguments.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    char c = 0;
    while (read(out[0], &c, 1) == 1 && c != '\n') address_ += c;
    close(out[0]);
  }
  Corpus(const Corpus&) = delete;
  Corpus& operator=(const Corpus&) = delete;
  ~Corpus() { EXPECT_EQ(end(), 0); }

  const std::string& address() const { return address_; }

 private:
  int end() {
    close(in_);
    int status = -1;
    waitpid(pid_, &status, 0);
    return status;
  }
  pid_t pid_ = -1;
  int in_ = -1;
  std::string address_;
};

struct Truth {
  const char* kind;
  const char* root_kind;
  const char* root;                      // in its name, where there are symbols
  std::vector<const char*> steps;        // each in some step, where there are symbols
  std::vector<const char*> debug_steps;  // likewise, where there is DWARF: inlined functions tell containers
};

const std::vector<Truth> kTruths = {
    {"unordered_map", "global", "held_unordered_map", {}, {"unordered_map node"}},
    {"map", "global", "held_map", {}, {"map node"}},
    {"vector", "global", "held_vector", {}, {"vector buffer"}},
    {"list", "global", "held_list", {}, {"list node"}},
    {"forward_list", "global", "held_forward_list", {}, {"forward_list node"}},
    {"deque", "global", "held_deque", {}, {"deque chunk"}},
    {"function", "global", "held_router", {"closure "}, {"map node"}},
    {"cycle", "cycle", "", {"make_shared<"}, {}},
    {"listener", "global", "held_bus", {"make_shared<"}, {}},
    {"coroutine", "global", "held_upstream", {"coroutine frame "}, {"vector buffer"}},
    {"thread_stack", "stack", "stack-holder in ", {}, {}},
    {"thread_local", "thread_local", "of thread tls-holder", {}, {"vector buffer"}},
    {"intrusive", "global", "held_intrusive", {}, {}},
    {"any", "global", "held_any", {}, {"vector buffer"}},
    {"arena", "memory", "", {}, {}},
    {"virtual_class", "global", "held_shapes", {"Square"}, {}},
    {"lost", "nothing", "", {}, {}},
};

std::map<std::string, json> ask(const Corpus& corpus) {
  const Outcome outcome = run({HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "holders", corpus.address(),
                               "--site", "make_", "--top", "20", "--examine", "60", "--format", "json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  std::map<std::string, json> by_kind;
  const json told = json::parse(outcome.out, nullptr, false);
  if (!told.is_object()) return by_kind;
  for (const json& site : told.at("sites")) {
    const std::string name = site.at("site").at("name");
    const std::size_t at = name.find("make_");
    if (at == std::string::npos) continue;
    const std::string kind = name.substr(at + 5, name.find_first_of("( ", at) - at - 5);
    if (!by_kind.contains(kind)) by_kind[kind] = site;
  }
  return by_kind;
}

struct Form {
  std::string program;
  bool has_symbols, has_debug;
};

class HoldersCorpus : public ::testing::TestWithParam<Form> {};

TEST_P(HoldersCorpus, EveryKindHasItsRoot) {
  const Corpus corpus(GetParam().program, {});
  ASSERT_FALSE(corpus.address().empty());
  std::map<std::string, json> told = ask(corpus);
  for (const Truth& truth : kTruths) {
    ASSERT_TRUE(told.contains(truth.kind)) << truth.kind;
    const json& site = told[truth.kind];
    const json& top = site.at("chains").at(0);
    const std::string line = top.at("one_line");
    EXPECT_EQ(top.at("root_kind"), truth.root_kind) << truth.kind << ": " << line;
    EXPECT_GE(top.at("count").get<double>(), 0.9 * site.at("examined").get<double>())
        << truth.kind << ": " << site.dump(1);
    if (!GetParam().has_symbols) continue;
    EXPECT_THAT(top.at("root").get<std::string>(), HasSubstr(truth.root)) << truth.kind;
    for (const char* step : truth.steps) EXPECT_THAT(line, HasSubstr(step)) << truth.kind;
    if (!GetParam().has_debug) continue;
    for (const char* step : truth.debug_steps) EXPECT_THAT(line, HasSubstr(step)) << truth.kind;
  }
}

std::vector<Form> forms() {
  std::vector<Form> all;
  for (const std::string allocator : {"glibc", "tcmalloc", "jemalloc"}) {
    all.push_back({allocator, true, true});
    all.push_back({allocator + "_symbols", true, false});
    all.push_back({allocator + "_stripped", false, false});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Over, HoldersCorpus, ::testing::ValuesIn(forms()),
                         [](const auto& test) { return test.param.program; });

}  // namespace
}  // namespace holdfast::testing
