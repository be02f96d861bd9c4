#include "serve/access.h"

#include <algorithm>
#include <mutex>

#include "serve/credentials.h"
#include "serve/listen_address.h"

namespace holdfast::serve {
namespace {

// The scheme and host of the page a request was made from must be ours.
bool is_own_origin(const std::string& origin, const Request& request, const Door& door) {
  const std::string host = lower(request.header("host"));
  if (origin == (door.is_tls ? "https://" : "http://") + host) return true;
  // TLS may end before the program's own server.
  return door.kind == Door::Kind::host && origin == "https://" + host;
}

}  // namespace

struct Access::Doorkeeper {
  std::mutex mutex;
  Credentials credentials;
};

Access::Access(AccessOptions options) : options_(std::move(options)) {
  for (std::string& host : options_.allowed_hosts) host = lower(host);
}
Access::~Access() = default;

Result<std::unique_ptr<Access>> Access::open(AccessOptions options) {
  std::unique_ptr<Access> access(new Access(std::move(options)));
  if (access->options_.auth_file.empty()) return access;
  Result<Credentials> credentials = Credentials::open(access->options_.auth_file);
  if (!credentials) return credentials.error();
  access->doorkeeper_.reset(new Doorkeeper{{}, std::move(credentials).value()});
  return access;
}

bool Access::asks_for_password() const { return doorkeeper_ != nullptr; }

bool Access::knows_host(const Request& request, const Door& door) const {
  if (door.kind == Door::Kind::unix || door.kind == Door::Kind::host) return true;
  const std::optional<HostPort> host = split_host(lower(request.header("host")));
  if (!host || request.headers.count("host") != 1) return false;
  if (std::ranges::find(options_.allowed_hosts, host->host) != options_.allowed_hosts.end()) return true;
  if (door.kind == Door::Kind::loopback) return is_loopback_host(host->host);
  return options_.allowed_hosts.empty() && !host->host.empty();
}

std::optional<Response> Access::refuse(const Request& request, const Door& door) {
  if (!knows_host(request, door)) {
    return serve::refuse(403, door.kind == Door::Kind::loopback
                                  ? "the Host header names another machine; ask for 127.0.0.1 or localhost"
                                  : "the Host header is none of the allowed hosts");
  }
  const std::string site = request.header("sec-fetch-site");
  const std::string origin = lower(request.header("origin"));
  if ((!site.empty() && site != "same-origin" && site != "none") ||
      (!origin.empty() && !is_own_origin(origin, request, door))) {
    return serve::refuse(403, "a page of another site may not read the heap; open the address itself");
  }
  return doorkeeper_ ? refuse_nobody(request) : std::nullopt;
}

std::optional<Response> Access::refuse_nobody(const Request& request) {
  Credentials::Answer answer = Credentials::Answer::no;
  if (request.headers.count("authorization") == 1) {
    const std::lock_guard lock(doorkeeper_->mutex);
    answer = doorkeeper_->credentials.check(request.header("authorization"));
  }
  if (answer == Credentials::Answer::yes) return std::nullopt;
  if (answer == Credentials::Answer::too_many_wrong) {
    Response response = serve::refuse(429, "too many wrong passwords; try again in a moment");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }
  Response response =
      serve::refuse(401, "a name and password are needed: http://NAME:PASSWORD@HOST:PORT/debug/pprof/heap");
  response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"holdfast\", charset=\"UTF-8\"");
  return response;
}

}  // namespace holdfast::serve
