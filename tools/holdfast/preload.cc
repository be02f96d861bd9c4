#include "preload.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "listen_address.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libholdfast_preload.so";

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

// Relative to the tool's own folder: <build>/tools/holdfast, or <prefix>/bin.
std::vector<fs::path> places() {
  std::error_code failure;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failure).parent_path();
  return {folder / "../../src" / kLibrary, folder / ".." / HOLDFAST_LIBDIR / kLibrary,
          folder / "../lib" / kLibrary};
}

Result<void> set_listen(const PreloadOptions& options) {
  const bool has_other_use = !options.dump_directory.empty() || is_set("HOLDFAST_LISTEN");
  std::string address = options.listen.value_or(has_other_use ? "" : kDefaultListen);
  if (address.empty()) return {};  // the environment's, or none beside the dumps
  if (address == "none") {
    ::unsetenv("HOLDFAST_LISTEN");
    if (options.dump_directory.empty() && !is_set("HOLDFAST_TRACE") && !is_set("HOLDFAST_DUMP_DIR")) {
      return Error{"nothing would come out: --listen none, and no --dump",
                   "add --dump DIR, or leave out --listen none"};
    }
    return {};
  }
  auto usable = usable_listen_address(address);
  if (!usable) return usable.error();
  set("HOLDFAST_LISTEN", *usable);
  return {};
}

// Absolute, as the program may change its directory before it writes.
Result<void> set_dump_directory(const std::string& directory) {
  if (directory.empty()) return {};
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure)
    return Error{"cannot make the directory " + directory + ": " + failure.message(),
                 "choose another --dump"};
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    return Error{"cannot write into " + directory, "choose another --dump, or ask for write permission"};
  }
  set("HOLDFAST_DUMP_DIR", fs::absolute(directory).string());
  return {};
}

}  // namespace

Result<std::string> find_preload_library() {
  std::string found;
  if (is_set("HOLDFAST_PRELOAD")) {
    found = std::getenv("HOLDFAST_PRELOAD");
    if (!fs::exists(found))
      return Error{"HOLDFAST_PRELOAD names no file: " + found, "correct it, or unset it"};
  }
  std::error_code failure;
  for (const fs::path& place : places()) {
    if (found.empty() && fs::exists(place, failure)) found = place.string();
  }
  if (found.empty()) {
    return Error{std::string("cannot find ") + kLibrary + " of this installation",
                 "install Holdfast whole (cmake --install), or name the library in HOLDFAST_PRELOAD"};
  }
  found = fs::canonical(found, failure).string();
  if (found.find_first_of(" :") != std::string::npos) {
    return Error{"cannot preload " + found + ": LD_PRELOAD takes spaces and colons for separators",
                 "move the build or the installation to a path without them"};
  }
  return found;
}

Result<void> set_preload_environment(const std::string& library, const PreloadOptions& options) {
  if (auto done = set_listen(options); !done) return done;
  if (auto done = set_dump_directory(options.dump_directory); !done) return done;
  if (options.exact) set("HOLDFAST_INTERVAL", "exact");
  if (options.interval_bytes) set("HOLDFAST_INTERVAL", std::to_string(*options.interval_bytes));
  // exec keeps the process id: by it the library tells the program from the children that inherit this
  // environment.
  set("HOLDFAST_RUN_PID", std::to_string(::getpid()));
  set("LD_PRELOAD", is_set("LD_PRELOAD") ? library + ":" + std::getenv("LD_PRELOAD") : library);
  return {};
}

}  // namespace holdfast::tool
