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

bool is_server_kind(Source::Kind kind) {
  return kind == Source::Kind::http || kind == Source::Kind::https || kind == Source::Kind::unix_socket;
}

Result<void> check_pem_files(const Source& source, const FetchOptions& options) {
  if (source.kind != Source::Kind::https) return {};
  for (const std::string& path : {options.certificate_file, options.key_file, options.ca_file}) {
    if (auto readable = check_readable(path); !readable) return readable.error();
  }
  return {};
}

}  // namespace

Result<std::string> fetch(const std::string& text, const FetchOptions& options) {
  const auto source = parse_source(text);
  if (!source) return source.error();
  if (!is_server_kind(source->kind)) return fetch_file(*source, options.max_bytes);
  if (auto usable = check_pem_files(*source, options); !usable) return usable.error();
  return http_get(*source, options);
}

bool is_server(const std::string& text) {
  const auto source = parse_source(text);
  return source && is_server_kind(source->kind);
}

Result<std::string> post(const std::string& text, const std::string& target, const FetchOptions& options) {
  auto source = parse_source(text);
  if (!source) return source.error();
  if (!is_server_kind(source->kind)) {
    return Error{text + " is no running program", "name its endpoint: host:port, http://host:port or unix:/path"};
  }
  if (auto usable = check_pem_files(*source, options); !usable) return usable.error();
  source->target = target;
  return http_post(*source, options);
}

}  // namespace holdfast::fetch
