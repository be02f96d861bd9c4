#include "snapshot/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/temporary.h"

namespace holdfast::snapshot {
namespace {

class Cgroup : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(directory_.file(path)).parent_path());
    testing::write_text(directory_.file(path), text);
  }
  CgroupMemory read() { return read_cgroup_memory(directory_.file("proc"), directory_.file("sys")); }

 private:
  testing::TemporaryDirectory directory_;
};

TEST_F(Cgroup, Version2TakesTheLeastLimitOnTheWayUp) {
  write("proc/cgroup", "0::/pods/app\n");
  write("sys/pods/app/memory.max", "max\n");
  write("sys/pods/app/memory.current", "1000\n");
  write("sys/pods/memory.max", "5000\n");
  write("sys/pods/memory.current", "3000\n");
  EXPECT_EQ(read().limit, 5000u);
  EXPECT_EQ(read().usage, 3000u);
  write("sys/pods/app/memory.max", "2000\n");
  EXPECT_EQ(read().limit, 2000u);
  EXPECT_EQ(read().usage, 1000u);
}

TEST_F(Cgroup, PagesOfFilesThatCanGoAreTold) {
  write("proc/cgroup", "0::/\n");
  write("sys/memory.max", "1000\n");
  write("sys/memory.stat", "anon 5\nactive_file 3\ninactive_file 77\n");
  EXPECT_EQ(read().reclaimable, 77u);
  write("sys/memory.stat", "inactive_file 1\ntotal_inactive_file 88\n");
  EXPECT_EQ(read().reclaimable, 88u);
}

TEST_F(Cgroup, Version1IsReadBesideAnEmptyVersion2) {
  write("proc/cgroup", "9:name=systemd:/\n4:cpu,memory:/app\n0::/\n");
  write("sys/memory/app/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/memory/app/memory.usage_in_bytes", "700\n");
  EXPECT_EQ(read().limit, 0u);
  EXPECT_EQ(read().usage, 700u);
  write("sys/memory/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(read().limit, 4096u);
}

TEST_F(Cgroup, InAContainerTheRootIsTheGroup) {
  write("proc/cgroup", "0::/../../host/path\n");
  write("sys/memory.max", "123\n");
  write("sys/memory.current", "45\n");
  EXPECT_EQ(read().limit, 123u);
  EXPECT_EQ(read().usage, 45u);
}

TEST_F(Cgroup, NothingThereIsNoLimit) {
  EXPECT_EQ(read().limit, 0u);
  write("proc/cgroup", "nonsense\n\n:\n0::");
  EXPECT_EQ(read().limit, 0u);
}

}  // namespace
}  // namespace holdfast::snapshot
