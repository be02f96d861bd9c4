#include "holders_route.h"

#include <charconv>
#include <optional>

#include "base/units.h"
#include "explain.h"
#include "holders/ask.h"
#include "holders/query.h"
#include "hook/real.h"
#include "record/recorder.h"

namespace holdfast {
namespace {

constexpr int kMaxExamined = 4000;
constexpr int kMaxSeconds = 600;
constexpr std::uint64_t kSmallestMemory = 1 << 20;
constexpr std::uint64_t kLargestMemory = std::uint64_t{4} << 30;

// A whole number from 1 to `largest`, or `otherwise` where the parameter is missing.
std::optional<int> number(const serve::Request& request, const char* name, int otherwise, int largest) {
  if (!request.has_parameter(name)) return otherwise;
  const std::string text = request.parameter(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > largest)
    return std::nullopt;
  return value;
}

serve::Response refuse(int status, const Error& error) {
  return serve::refuse(status, error.hint.empty() ? error.what : error.what + "; " + error.hint);
}

serve::Response search(const serve::Request& request) {
  holders::Question question;
  Result<std::vector<std::uint64_t>> sites = holders::parse_site_keys(request.parameter("site"));
  if (!sites) return refuse(400, sites.error());
  question.sites = std::move(sites).value();
  question.is_glibc_behind = hook::behind() == hook::Allocator::glibc;
  const auto examine = number(request, "examine", static_cast<int>(question.examine), kMaxExamined);
  if (!examine)
    return serve::refuse(400, "examine must be a whole number from 1 to " + std::to_string(kMaxExamined));
  const auto seconds = number(request, "seconds", 60, kMaxSeconds);
  if (!seconds)
    return serve::refuse(400, "seconds must be a whole number from 1 to " + std::to_string(kMaxSeconds));
  question.examine = static_cast<std::uint32_t>(*examine);
  question.time_limit_ms = std::int64_t{*seconds} * 1000;
  if (request.has_parameter("memory")) {
    const Result<std::uint64_t> memory = base::parse_bytes(request.parameter("memory"));
    if (!memory || *memory < kSmallestMemory || *memory > kLargestMemory) {
      return serve::refuse(400, "memory must be a size from 1MiB to 4GiB");
    }
    question.memory_limit = *memory;
  }
  Result<std::string> dump = holders::ask(
      record::g_recorder, question,
      [](const std::vector<std::uint64_t>& addresses) { return Explainer::instance().names(addresses); });
  if (dump) return serve::json(std::move(dump).value());
  const bool is_busy = dump.error().what == holders::kBusy.what;
  return refuse(is_busy ? 429 : 503, dump.error());
}

serve::Response progress(const serve::Request&) {
  const auto underway = holders::search_underway();
  if (!underway) return serve::json("{\"is_searching\":false}");
  return serve::json("{\"is_searching\":true,\"passes\":" + std::to_string(underway->passes) +
                     ",\"scanned_bytes\":" + std::to_string(underway->scanned_bytes) + "}");
}

}  // namespace

std::vector<serve::Route> holders_routes() {
  return {{"/debug/holdfast/holders", "who holds a site's live blocks: holdfast holders asks it", true, false,
           search},
          {"/debug/holdfast/holders", "", false, false, progress}};
}

}  // namespace holdfast
