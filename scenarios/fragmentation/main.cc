// fragmentation, a control: each request builds a table whose rows are a little larger than those of the
// request before, and leaves one small record among them in a ring of a few thousand. Tables die at once,
// records are replaced; but the holes between the records are too small for the next rows. RSS grows, the
// heap does not.
#include <array>
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kRecords = 40'000;
constexpr std::size_t kRows = 400;

std::mutex mutex;
std::array<std::unique_ptr<std::array<char, 24>>, kRecords> records;
std::size_t next_record = 0;
std::size_t row_bytes = 1000;

[[gnu::noinline]] std::size_t build_table() {
  std::vector<std::unique_ptr<char[]>> rows;
  for (std::size_t row = 0; row < kRows; ++row) {
    rows.push_back(std::make_unique<char[]>(row_bytes));
    if (row % 2 == 0) records[next_record++ % kRecords] = std::make_unique<std::array<char, 24>>();
  }
  row_bytes += 16;
  return rows.size();
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Get("/table", [](const httplib::Request&, httplib::Response& response) {
    const std::lock_guard lock(mutex);
    response.set_content(std::to_string(build_table()), "text/plain");
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv, {.about = "A heap with holes: RSS grows, the heap does not.", .open = add_routes});
}
