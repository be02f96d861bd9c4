// What /metrics tells, by the rules of Prometheus' text format, by promtool's, and as the real Prometheus
// scrapes it.
#include "metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "session/asking.h"
#include "support/command.h"
#include "support/raw_server.h"
#include "support/subprocess.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using testing::ask;
using ::testing::HasSubstr;
using testing::header;

// Series by their full name with labels. Checks the form on the way.
std::map<std::string, double> parse(const std::string& text) {
  std::map<std::string, double> series;
  std::set<std::string> families;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "twice: " << family;
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      const bool is_counter = line.ends_with(" counter");
      EXPECT_TRUE(is_counter || line.ends_with(" gauge")) << line;
      EXPECT_EQ(line.substr(7, family.size() + 1), family + " ");
      EXPECT_EQ(is_counter, family.ends_with("_total")) << line;
      continue;
    }
    EXPECT_EQ(line.compare(0, family.size(), family), 0) << line;
    const std::size_t space = line.rfind(' ');
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + space + 1, &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_TRUE(series.emplace(line.substr(0, space), value).second) << line;
  }
  return series;
}

TEST(Metrics, TellWhatAnOperatorGraphs) {
  auto heap = Session::open({.listen = "127.0.0.1:0", .exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  const auto block = std::make_unique<char[]>(std::size_t{8} << 20);
  add_work(3);
  const HttpResponse response = ask("/metrics");
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  const std::map<std::string, double> series = parse(response.body);
  EXPECT_GE(series.at("holdfast_heap_in_use_bytes"), 8 << 20);
  EXPECT_EQ(series.at("holdfast_heap_in_use_lower_bytes"), series.at("holdfast_heap_in_use_upper_bytes"));
  EXPECT_GE(series.at("holdfast_heap_allocated_bytes_total"), series.at("holdfast_heap_in_use_bytes"));
  EXPECT_GE(series.at("holdfast_work_total"), 3);
  EXPECT_EQ(series.at("holdfast_recording"), 1);
  EXPECT_EQ(series.at("holdfast_sampling_interval_bytes"), 1);
  EXPECT_GT(series.at("holdfast_own_bytes"), 0);
  EXPECT_TRUE(series.contains("holdfast_dropped_total{reason=\"lock_timeout\"}"));
  double parts = 0;
  std::size_t sites = 0;
  for (const auto& [name, value] : series) {
    if (name.starts_with("holdfast_memory_part_bytes{")) parts += value;
    sites += name.starts_with("holdfast_site_in_use_bytes{");
  }
  EXPECT_EQ(parts, series.at("holdfast_memory_rss_bytes"));
  EXPECT_GE(sites, 1u);
  EXPECT_LE(sites, 20u);
  // Within a second whoever asks gets the same answer: scrapers cost once.
  EXPECT_EQ(ask("/metrics").body, response.body);
}

TEST(Metrics, ASessionThatDoesNotRecordStillAnswers) {
  auto heap = Session::open({.start = false});
  ASSERT_TRUE(heap);
  EXPECT_EQ(parse(ask("/metrics").body).at("holdfast_recording"), 0);
}

TEST(Metrics, LabelValuesAreEscapedCleanAndShort) {
  EXPECT_EQ(metric_label_value("f(\"a\\b\")\n"), "f(\\\"a\\\\b\\\")\\n");
  EXPECT_EQ(metric_label_value("caf\xe9"), "caf\\\\xe9");
  const std::string cut = metric_label_value(std::string(5000, 'x'));
  EXPECT_EQ(cut, std::string(197, 'x') + "...");
}

TEST(Metrics, PromtoolFindsNothingToSay) {
  ASSERT_TRUE(support::has_command("promtool")) << "install the packages of tools/packages";
  auto heap = Session::open({.exact = true});
  ASSERT_TRUE(heap);
  const testing::Outcome outcome =
      testing::run({"promtool", "check", "metrics"}, {.input = ask("/metrics").body});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

TEST(Prometheus, ScrapesTheEndpoint) {
  ASSERT_TRUE(support::has_command("prometheus")) << "install the packages of tools/packages";
  auto heap = Session::open({.listen = "127.0.0.1:0", .exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  const auto block = std::make_unique<char[]>(std::size_t{16} << 20);
  const testing::TemporaryDirectory directory;
  const std::string target = heap->address().substr(std::string("http://").size());
  testing::write_text(directory.file("prometheus.yml"),
                      "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
                      "rule_files: ['" HOLDFAST_SOURCE_DIR
                      "/docs/prometheus/holdfast.rules.yml']\n"
                      "scrape_configs:\n"
                      "  - job_name: server\n"
                      "    static_configs: [{targets: ['" +
                          target + "']}]\n");
  const std::string address = "127.0.0.1:" + std::to_string(testing::unused_port());
  testing::Process prometheus({"prometheus", "--config.file=" + directory.file("prometheus.yml"),
                               "--storage.tsdb.path=" + directory.file("data"),
                               "--web.listen-address=" + address, "--log.level=error"});
  httplib::Client client("http://" + address);
  std::string answer;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(45);
  while (answer.find("\"value\":[") == std::string::npos && std::chrono::steady_clock::now() < until) {
    if (const auto got = client.Get("/api/v1/query?query=holdfast_heap_in_use_bytes%20%3E%2016000000"))
      answer = got->body;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_THAT(answer, HasSubstr("\"value\":["));
  EXPECT_THAT(answer, HasSubstr(target));
  const auto rules = client.Get("/api/v1/rules");
  ASSERT_TRUE(rules);
  EXPECT_THAT(rules->body, HasSubstr("HoldfastHeapNotSteady"));
  prometheus.send_signal(SIGTERM);
  EXPECT_EQ(prometheus.wait().exit_code, 0);
}

}  // namespace
}  // namespace holdfast
