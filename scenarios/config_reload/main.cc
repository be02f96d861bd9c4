// config_reload, a control: every 150 requests the configuration is parsed anew and swapped in; the old one
// goes when the last request that uses it has ended.
#include <map>
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

using Config = std::map<std::string, std::string>;

constexpr int kEntries = 2000;
constexpr std::uint64_t kRequestsPerConfig = 150;

std::mutex mutex;
std::shared_ptr<const Config> current;
std::uint64_t requests = 0;

[[gnu::noinline]] std::shared_ptr<const Config> parse_config(std::uint64_t version) {
  auto config = std::make_shared<Config>();
  for (int entry = 0; entry < kEntries; ++entry) {
    (*config)["service.entry." + std::to_string(entry)] =
        "value of entry " + std::to_string(entry) + " in version " + std::to_string(version);
  }
  return config;
}

std::shared_ptr<const Config> config() {
  const std::lock_guard lock(mutex);
  if (requests % kRequestsPerConfig == 0) current = parse_config(requests / kRequestsPerConfig);
  ++requests;
  return current;
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Get(R"(/entries/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& response) {
    const auto used = config();
    response.set_content(used->at("service.entry." + request.matches[1].str()), "text/plain");
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A configuration that is replaced now and then: not a leak.", .open = add_routes});
}
