#include "profile/decode.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/gzip.h"
#include "profile/jemalloc_text.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "profile/utf8.h"

namespace holdfast::profile {
namespace {

constexpr const char* kKnownFormats =
    "pprof (.pb, .pb.gz), gperftools heap text and jemalloc heap_v2 are read";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Without a byte order mark and leading blanks, which some tools put before text.
std::string_view text_of(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  while (!bytes.empty() && is_space(bytes.front())) bytes.remove_prefix(1);
  return bytes;
}

bool is_web_page(std::string_view bytes) {
  std::string start(text_of(bytes).substr(0, 16));
  std::transform(start.begin(), start.end(), start.begin(), [](unsigned char c) { return std::tolower(c); });
  return start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head") ||
         start.starts_with("<?xml");
}

// Printable from the first byte on; a protobuf has control characters among its first few bytes.
bool is_plain_text(std::string_view bytes) {
  const std::string_view start = bytes.substr(0, 64);
  return std::all_of(start.begin(), start.end(), [](char c) {
    return is_space(c) || (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f');
  });
}

// For an error line: the first line, cut.
std::string first_line(std::string_view bytes) {
  const std::string_view text = text_of(bytes);
  std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
  constexpr std::size_t kShown = 60;
  const bool is_cut = line.size() > kShown;
  line = line.substr(0, kShown);
  return to_utf8(line) + (is_cut ? "..." : "");
}

// What is plainly something else, said as what it is.
Error not_a_profile(std::string_view bytes) {
  if (is_web_page(bytes)) {
    return {"a web page, not a profile", "give the path of the profile too, such as /debug/pprof/heap"};
  }
  if (bytes.starts_with("\x7f"
                        "ELF"))
    return {"a program or library, not a profile", kKnownFormats};
  return {"not a profile: it begins with \"" + first_line(bytes) + "\"", kKnownFormats};
}

Result<Profile> decode_plain(std::string_view bytes, const DecodeLimits& limits) {
  if (bytes.empty())
    return Error{"the profile is empty", "check that its writer finished and that it was fetched whole"};
  const std::string_view text = text_of(bytes);
  if (is_legacy_text(text)) return decode_legacy_text(text, limits);
  if (is_jemalloc_text(text)) return decode_jemalloc_text(text, limits);
  if (is_web_page(bytes) || is_plain_text(bytes) ||
      bytes.starts_with("\x7f"
                        "ELF"))
    return not_a_profile(bytes);
  return decode_pprof(bytes, limits);
}

}  // namespace

Result<Profile> decode(std::string_view bytes, const DecodeLimits& limits) {
  if (bytes.size() > limits.input_bytes) {
    return Error{"the file is larger than " + std::to_string(limits.input_bytes) + " bytes",
                 "no heap profile is: check what was given"};
  }
  if (!base::is_gzip(bytes)) return decode_plain(bytes, limits);
  const Result<std::string> inflated = base::gunzip(bytes, limits.input_bytes);
  if (!inflated) return inflated.error();
  if (base::is_gzip(*inflated)) return Error{"not a profile: gzip inside gzip", "unpack it once (gunzip)"};
  return decode_plain(*inflated, limits);
}

}  // namespace holdfast::profile
