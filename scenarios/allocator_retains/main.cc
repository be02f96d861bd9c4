// allocator_retains, a control: now and then a report is made of a hundred thousand small pieces, all freed
// at its end but for one line on top. The allocator keeps the memory below it, so RSS stays where the burst
// took it.
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kPieces = 100'000;
constexpr std::size_t kPieceBytes = 600;

std::mutex mutex;
std::string last_report;

[[gnu::noinline]] void make_report(std::uint64_t number) {
  std::vector<std::unique_ptr<char[]>> pieces;
  pieces.reserve(kPieces);
  for (std::size_t piece = 0; piece < kPieces; ++piece)
    pieces.push_back(std::make_unique<char[]>(kPieceBytes));
  last_report = "report " + std::to_string(number) + " of " + std::to_string(pieces.size()) + " pieces";
}

void show(const httplib::Request& request, httplib::Response& response) {
  const std::lock_guard lock(mutex);
  const std::uint64_t number = std::stoul(request.matches[1]);
  if (number % 300 == 0) make_report(number);
  response.set_content(last_report, "text/plain");
}

void add_routes(const Settings&, httplib::Server& server) { server.Get(R"(/reports/(\d{1,9}))", show); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A burst after which the allocator keeps the memory: not a leak.", .open = add_routes});
}
