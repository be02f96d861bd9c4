// A shared library held open for a test.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <string>

namespace holdfast::testing {

class OpenedLibrary {
 public:
  explicit OpenedLibrary(const std::string& path) : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  OpenedLibrary(const OpenedLibrary&) = delete;
  OpenedLibrary& operator=(const OpenedLibrary&) = delete;
  ~OpenedLibrary() { close(); }

  bool ok() const { return handle_ != nullptr; }
  std::uint64_t symbol(const char* name) const {
    return reinterpret_cast<std::uint64_t>(::dlsym(handle_, name));
  }
  // Address of the plugin's function without an exported name.
  std::uint64_t hidden_work() const {
    return reinterpret_cast<std::uint64_t>(reinterpret_cast<void* (*)()>(symbol("plugin_hidden_work"))());
  }
  void close() {
    if (handle_) ::dlclose(handle_);
    handle_ = nullptr;
  }

 private:
  void* handle_;
};

}  // namespace holdfast::testing
