// How a program is told to load Holdfast: the library that belongs to this tool, and the environment that it
// reads. Called by `run`, before it becomes the program. Main thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::tool {

struct PreloadOptions {
  std::optional<std::string>
      listen;  // "host:port", "unix:/path" or "none"; unset: the default, or what is set already
  std::string dump_directory;  // empty: no dumps
  bool exact = false;
  std::optional<std::uint64_t> interval_bytes;  // unset: what the environment says, or the library's default
};

inline constexpr const char* kDefaultListen = "127.0.0.1:6060";

// libholdfast_preload.so of this build or installation; HOLDFAST_PRELOAD names another one. Error when there
// is none, or when its path holds a space or a colon, which LD_PRELOAD takes for separators.
Result<std::string> find_preload_library();

// Sets LD_PRELOAD (before what it held) and the HOLDFAST_ variables in this process's environment, for exec
// to hand on. Error when the options make no sense together, an address cannot be used, or the dump directory
// cannot be made.
Result<void> set_preload_environment(const std::string& library, const PreloadOptions& options);

}  // namespace holdfast::tool
