#include "fetch/fetch.h"

#include <unistd.h>

#include "base/files.h"
#include "fetch/http.h"
#include "fetch/source.h"

namespace holdfast::fetch {
namespace {

// TLS takes the paths of these files and keeps the reason of a failure to itself.
Result<void> check_readable(const std::string& path) {
  constexpr std::size_t kMaxPemBytes = std::size_t{16} << 20;
  if (path.empty()) return {};
  if (auto bytes = base::read_file(path, kMaxPemBytes); !bytes) return bytes.error();
  return {};
}

Result<std::string> fetch_file(const Source& source, std::size_t max_bytes) {
  const bool is_input = source.kind == Source::Kind::standard_input;
  auto bytes = base::read_file(is_input ? "-" : source.path, max_bytes);
  if (!bytes) {
    const bool is_missing = !is_input && ::access(source.path.c_str(), F_OK) != 0;
    if (!is_missing) return bytes.error();
    return Error{bytes.error().what,
                 "check the path; a server is written host:port, http://host:port or unix:/path"};
  }
  if (bytes->empty())
    return Error{source.shown() + " is empty", "take the snapshot again with: holdfast get"};
  return bytes;
}

}  // namespace

Result<std::string> fetch(const std::string& text, const FetchOptions& options) {
  const auto source = parse_source(text);
  if (!source) return source.error();
  switch (source->kind) {
    case Source::Kind::standard_input:
    case Source::Kind::file:
      return fetch_file(*source, options.max_bytes);
    case Source::Kind::https:
      for (const std::string& path : {options.certificate_file, options.key_file, options.ca_file}) {
        if (auto readable = check_readable(path); !readable) return readable.error();
      }
      return http_get(*source, options);
    case Source::Kind::http:
    case Source::Kind::unix_socket:
      return http_get(*source, options);
  }
  return Error{"cannot fetch " + text, ""};
}

}  // namespace holdfast::fetch
