// From what a person writes as SOURCE to bytes: a file, `-`, an http(s) URL, `unix:/path` or `host:port`.
// Called by the command line tool; blocks and allocates, any thread. Bytes are bounded by `max_bytes`,
// waiting by `timeout`.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <cstddef>
#include <string>

namespace holdfast::fetch {

struct FetchOptions {
  std::string certificate_file = {};  // PEM, shown to an https server that asks for one (mTLS); empty: none
  std::string key_file = {};          // its PEM private key; empty: it is in `certificate_file`
  std::string ca_file = {};  // PEM certificates an https server must be signed by; empty: the system's

  // Longest silence of a server, and longest time to connect; a whole answer may take ten times as long. A
  // `seconds=N` in the URL's query is added, since such a server is silent for N seconds by design.
  std::chrono::milliseconds timeout{30'000};

  // Larger files and answers are refused. 256 MiB is far above any heap profile (the server folds at 4 MiB
  // inflated).
  std::size_t max_bytes = std::size_t{256} << 20;
};

// Reads `source` whole:
//   `-`                    standard input
//   an http or https URL   user:password@ goes as Basic; no path means /debug/pprof/heap
//   `unix:/path`           HTTP over a Unix socket; `unix:/path:/url/path` names the URL's path too
//   `host:port[/path]`     the same as http://host:port[/path]
//   anything else          a file
// Redirects are followed within the same host and port only. Errors say what went wrong and what to try next:
// a file that cannot be read, a host that is unknown or refuses, TLS trouble, a status other than 200 with
// the first line of the answer, an empty answer, one too large, one that is a web page.
Result<std::string> fetch(const std::string& source, const FetchOptions& options = {});

// Whether `source` names a server rather than a file.
bool is_server(const std::string& source);

// Asks the server of `source`, whatever path that names, to do what POST `target` means ("/debug/…?…"), and
// returns its answer. Errors as above, and when `source` is no server.
Result<std::string> post(const std::string& source, const std::string& target, const FetchOptions& options = {});

}  // namespace holdfast::fetch
