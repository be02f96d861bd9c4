// Searches where less is allowed: as nobody, not dumpable, under seccomp filters. Each in a child of its own.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "holders/query.h"
#include "holders/recorded_new.h"
#include "record/recorder.h"

namespace holdfast::holders {
namespace {

constexpr std::size_t kBufferBytes = 4711;
std::vector<std::unique_ptr<char[]>> kept;

// 10 + the way by which all blocks were found held by `kept`; less when they were not.
int search_here() {
  testing::Recording recording;
  for (int i = 0; i < 20; ++i) kept.emplace_back(new char[kBufferBytes]());
  base::RawVector<Block> blocks;
  recording.read(blocks);
  Query query;
  for (const Block& block : blocks) {
    if (block.size == kBufferBytes) query.wanted.push_back(block);
  }
  const auto found = search_holders(record::g_recorder, BlockTable(blocks.begin(), blocks.size()), query);
  if (!found) return 1;
  std::uint32_t right = 0;
  for (std::uint32_t i = 0; i < (*found)->answer.chains(); ++i) {
    const Chain& chain = (*found)->answer.chain(i);
    if (chain.end != ChainEnd::root || chain.links != 2) continue;
    const std::uintptr_t root = (*found)->graph.edge((*found)->answer.link(chain.first_link).edge).at;
    if (root - reinterpret_cast<std::uintptr_t>(&kept) < sizeof kept) right += chain.count;
  }
  return right == 20 ? 10 + static_cast<int>((*found)->way) : 2;
}

int in_child(const std::function<bool()>& restrict_it) {
  const pid_t child = fork();
  if (child == 0) _exit(restrict_it() ? search_here() : 3);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

constexpr int by(Way way) { return 10 + static_cast<int>(way); }

// System calls in `refused` fail with EPERM; clone too, unless it makes a thread, when `no_processes`.
bool filter(const std::vector<long>& refused, bool no_processes) {
  std::vector<sock_filter> program;
  const auto refuse = [] { return sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1); };
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long number : refused) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    program.push_back(refuse());
  }
  if (no_processes) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])));
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000 /* CLONE_THREAD */, 1, 0));
    program.push_back(refuse());
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog all{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0;
}

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    if (in_child([] { return true; }) != by(Way::helper)) GTEST_SKIP() << "no helper under this sanitizer or machine";
  }
};

TEST_F(Sandbox, NobodyMaySearchItself) {
  if (getuid() != 0) GTEST_SKIP() << "only root can become nobody";
  EXPECT_EQ(in_child([] { return setgid(65534) == 0 && setuid(65534) == 0; }), by(Way::helper));
}

TEST_F(Sandbox, AProgramThatIsNotDumpableCanBeSearched) {
  EXPECT_EQ(in_child([] { return prctl(PR_SET_DUMPABLE, 0) == 0 && (getuid() != 0 || setuid(65534) == 0) && prctl(PR_SET_DUMPABLE, 0) == 0; }),
            by(Way::helper));
}

TEST_F(Sandbox, NeitherPtraceNorProcessVmReadvIsNeeded) {
  EXPECT_EQ(in_child([] { return filter({SYS_ptrace, SYS_process_vm_readv}, false); }), by(Way::helper));
}

TEST_F(Sandbox, WithoutProcessesTheOtherWaysRemain) {
  EXPECT_EQ(in_child([] { return filter({}, true); }), by(Way::vm_readv));
  EXPECT_EQ(in_child([] { return filter({SYS_process_vm_readv}, true); }), by(Way::memory_file));
}

}  // namespace
}  // namespace holdfast::holders
