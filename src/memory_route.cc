#include "memory_route.h"

#include <cmath>
#include <string>

#include "diagnose/interval.h"
#include "explain.h"

namespace holdfast {
namespace {

using profile::MemoryPart;

// Names are fixed words: nothing to escape.
std::string object(const std::vector<MemoryPart>& parts) {
  std::string json = "{";
  for (const MemoryPart& part : parts) {
    json += (json.size() > 1 ? ",\"" : "\"") + part.name + "\":" + std::to_string(part.bytes);
  }
  return json + "}";
}

std::string whole(double bytes) { return std::to_string(std::llround(bytes)); }

serve::Response answer(const serve::Request&) {
  const Result<MemoryNow> now = Explainer::instance().memory();
  if (!now) {
    const Error& error = now.error();
    return serve::refuse(503, error.hint.empty() ? error.what : error.what + "; " + error.hint);
  }
  const diagnose::Interval interval = diagnose::sampling_interval(now->in_use_bytes, now->in_use_variance,
                                                                  static_cast<double>(now->interval_bytes));
  return serve::json("{\"schema\":\"holdfast.memory/1\",\"time_ns\":" + std::to_string(now->time_ns) +
                     ",\"rss_bytes\":" + std::to_string(now->table.rss) + ",\"in_use_interval_95\":[" +
                     whole(interval.lower) + "," + whole(interval.upper) + "],\"parts\":" +
                     object(now->table.parts) + ",\"facts\":" + object(now->table.facts) + "}\n");
}

}  // namespace

std::vector<serve::Route> memory_routes() {
  return {{.path = "/debug/holdfast/memory",
           .about = "where the resident memory is: in use, retained by the allocator, stacks, files, ...",
           .collects = true,
           .answer = answer}};
}

}  // namespace holdfast
