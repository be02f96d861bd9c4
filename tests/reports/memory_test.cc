#include "reports/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "reports/json.h"
#include "reports/text.h"

namespace holdfast::reports {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kMiB = 1 << 20;

diagnose::Diagnosis with_memory() {
  diagnose::Diagnosis d;
  d.in_use = {300.0 * kMiB, {280.0 * kMiB, 320.0 * kMiB}};
  profile::MemoryTable table;
  table.rss = 512 * kMiB;
  table.parts = {{"in_use", 300 * kMiB},   {"rounding", 1 * kMiB}, {"unrecorded", -10 * kMiB},
                 {"retained", 190 * kMiB}, {"files", 1 * kMiB},    {"unexplained", 30 * kMiB}};
  table.facts = {{"cgroup_limit", 2048 * kMiB}};
  d.memory = table;
  return d;
}

TEST(MemoryReport, TellsThePartsLargestFirstAndTheUnexplainedLast) {
  EXPECT_EQ(render_memory(with_memory()),
            "memory: 512.0 MiB resident, of a limit of 2.0 GiB =\n"
            "     300.0 MiB  in use [280.0 MiB to 320.0 MiB]\n"
            "     190.0 MiB  retained by the allocator\n"
            "     -10.0 MiB  allocated unseen, or sampling error\n"
            "      30.0 MiB  unexplained (6 %)\n"
            "       2.0 MiB  others, each less than 0.5 %\n"
            "\n");
}

TEST(MemoryReport, IsLeftOutWhereAProfileDoesNotTell) {
  EXPECT_EQ(render_memory(diagnose::Diagnosis{}), "");
  EXPECT_THAT(render_text(diagnose::Diagnosis{}), Not(HasSubstr("memory:")));
  EXPECT_THAT(render_text(with_memory()), HasSubstr("memory: 512.0 MiB resident"));
}

TEST(MemoryReport, GivesProgramsEveryPart) {
  const nlohmann::json json = nlohmann::json::parse(render_json(with_memory(), {"heap.pb.gz"}));
  EXPECT_EQ(json["memory"]["rss_bytes"], 512 * kMiB);
  EXPECT_EQ(json["memory"]["rss_parts"]["retained"], 190 * kMiB);
  EXPECT_EQ(json["memory"]["rss_parts"]["unrecorded"], -10 * kMiB);
  EXPECT_EQ(json["memory"]["rss_facts"]["cgroup_limit"], 2048 * kMiB);
  EXPECT_FALSE(nlohmann::json::parse(render_json(diagnose::Diagnosis{}, {}))["memory"].contains("rss_bytes"));
}

}  // namespace
}  // namespace holdfast::reports
