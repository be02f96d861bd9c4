#include "dumps.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/units.h"

namespace holdfast {
namespace {

// "heap.1234.alarm-1.pb.gz", and not the "heap.1234.pb.gz" of a program's end.
bool is_dump(const std::string& name) {
  if (!name.starts_with("heap.") || !name.ends_with(".pb.gz")) return false;
  const std::size_t dot = name.find('.', 5);
  if (dot == 5 || dot == std::string::npos || name.find_first_not_of("0123456789", 5) != dot) return false;
  const std::string_view rest = std::string_view(name).substr(dot + 1);
  return rest.starts_with("alarm-") || rest.starts_with("signal-");
}

}  // namespace

Result<DumpThreshold> parse_dump_threshold(std::string_view text) {
  const Error wrong{"cannot take \"" + std::string(text) + "\" for a threshold of memory",
                    "say a size such as 2GiB, or 1% to 99% of the memory limit"};
  if (text.ends_with('%')) {
    DumpThreshold threshold;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, threshold.percent);
    if (error != std::errc() || end != text.data() + text.size() - 1) return wrong;
    if (threshold.percent < 1 || threshold.percent > 99) return wrong;
    return threshold;
  }
  const Result<std::uint64_t> bytes = base::parse_bytes(text);
  if (!bytes || *bytes == 0) return wrong;
  return DumpThreshold{*bytes, 0};
}

Result<std::string> Dumps::write(std::string_view reason, std::string_view profile) {
  const std::string path = directory_ + "/heap." + std::to_string(getpid()) + "." + std::string(reason) +
                           "-" + std::to_string(written_ + 1) + ".pb.gz";
  if (const Result<void> done = base::write_file_atomically(path, profile); !done) return done.error();
  ++written_;
  remove_oldest();
  return path;
}

void Dumps::remove_oldest() const {
  namespace fs = std::filesystem;
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code ignored;
  for (fs::directory_iterator at(directory_, ignored), end; at != end; at.increment(ignored)) {
    if (ignored) return;
    if (is_dump(at->path().filename().string())) found.emplace_back(at->last_write_time(ignored), at->path());
  }
  if (found.size() <= most_) return;
  std::ranges::sort(found);
  for (std::size_t i = 0; i + most_ < found.size(); ++i) fs::remove(found[i].second, ignored);
}

}  // namespace holdfast
