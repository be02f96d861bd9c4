// What every subcommand that reads a SOURCE shares: the flags for reaching it, and the way from its bytes to
// a profile. Main thread; allocates and blocks on files and sockets.
#pragma once

#include <holdfast/result.h>

#include <string>

#include "fetch/fetch.h"
#include "profile/profile.h"

namespace CLI {
class App;
}

namespace holdfast::tool {

// What --help says about SOURCE, in one line.
inline constexpr const char* kSourceHelp =
    "file, - for standard input, host:port, http(s)://[user:password@]host[:port][/path], or unix:/path";

// How a SOURCE is reached, and what is made of it.
struct SourceOptions : fetch::FetchOptions {
  SourceOptions() = default;
  SourceOptions(const fetch::FetchOptions& reaching) : fetch::FetchOptions(reaching) {}

  // Inlined calls and source lines by debug information on this machine; see lines/add_lines.h.
  bool lines = true;
};

// Adds --cert, --key, --ca and --timeout; `options` must outlive the parsing.
void add_source_flags(CLI::App& app, fetch::FetchOptions& options);
// These and --no-lines.
void add_source_flags(CLI::App& app, SourceOptions& options);

// Fetches `source` and decodes it. The error names the source and says whether it could not be reached, or
// answered something that is no heap profile.
Result<profile::Profile> load_profile(const std::string& source, const SourceOptions& options);

// The second half of load_profile: `bytes` came from `source`.
Result<profile::Profile> decode_profile(const std::string& source, const std::string& bytes);

}  // namespace holdfast::tool
