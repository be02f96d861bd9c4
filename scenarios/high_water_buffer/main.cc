// high_water_buffer, a control: buffers for compression grow to what the largest request so far needed, and
// are kept at that. Large requests come early; after them nothing grows.
#include <array>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kBuffers = 64;
constexpr std::size_t kLargest = 64 * 1024;

struct Buffer {
  std::mutex mutex;
  std::vector<char> bytes;
};

std::array<Buffer, kBuffers> buffers;

[[gnu::noinline]] void make_room(Buffer& buffer, std::size_t bytes) {
  if (buffer.bytes.size() < bytes) std::vector<char>(bytes).swap(buffer.bytes);
}

void compress(const httplib::Request& request, httplib::Response& response) {
  const std::uint64_t number = std::stoul(request.matches[1]);
  Buffer& buffer = buffers[number % kBuffers];
  const std::lock_guard lock(buffer.mutex);
  // One request in three is as large as they come.
  make_room(buffer, number % 3 == 0 ? kLargest : 1000 + number * 7919 % 30'000);
  response.status = 204;
}

void add_routes(const Settings&, httplib::Server& server) { server.Post(R"(/files/(\d{1,9}))", compress); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "Buffers kept as large as they were ever needed: not a leak.", .open = add_routes});
}
