// What an endpoint under test shows: a heap of two sites, so small that every answer can be checked by eye.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "profile/profile.h"
#include "serve/routes.h"

namespace holdfast::testing {

inline constexpr std::uint64_t kLeakAddress = 0x401234;
inline constexpr std::uint64_t kMainAddress = 0x402000;

// leaking_function <- main, and main alone.
inline profile::Profile canned_profile(std::int64_t leaked_bytes = 65536) {
  profile::Profile p;
  p.sample_types = {{"alloc_objects", "count"},
                    {"alloc_space", "bytes"},
                    {"inuse_objects", "count"},
                    {"inuse_space", "bytes"}};
  p.default_sample_type = "inuse_space";
  p.period_type = {"space", "bytes"};
  p.period = 524288;
  p.time_nanos = 1'700'000'000'000'000'000;
  p.mappings.push_back({.start = 0x400000,
                        .limit = 0x500000,
                        .offset = 0,
                        .file = "/opt/canned/server",
                        .build_id = "0123456789abcdef0123456789abcdef01234567",
                        .has_functions = true});
  p.functions = {
      {.name = "shop::leaking_function(int)", .system_name = "_ZN4shop16leaking_functionEi", .filename = {}},
      {.name = "main", .system_name = "main", .filename = {}}};
  p.locations = {{.mapping = 0, .address = kLeakAddress, .lines = {{.function = 0, .line = 0}}},
                 {.mapping = 0, .address = kMainAddress, .lines = {{.function = 1, .line = 0}}}};
  p.samples = {{.locations = {0, 1}, .values = {4, 2 * leaked_bytes, 2, leaked_bytes}, .labels = {}},
               {.locations = {1}, .values = {10, 1000, 5, 500}, .labels = {}}};
  return p;
}

inline serve::Sources canned_sources() {
  serve::Sources sources;
  sources.heap = [](const std::string& default_type) -> Result<profile::Profile> {
    profile::Profile p = canned_profile();
    p.default_sample_type = default_type;
    return p;
  };
  sources.names = [](const std::vector<std::uint64_t>& addresses) {
    std::vector<std::string> names;
    for (const std::uint64_t address : addresses) {
      // A caller asks for the return address or for the call before it.
      const bool is_leak = address == kLeakAddress || address == kLeakAddress + 1;
      const bool is_main = address == kMainAddress || address == kMainAddress + 1;
      names.push_back(is_leak ? "shop::leaking_function(int)" : is_main ? "main" : "");
    }
    return names;
  };
  sources.command_line = [] {
    return std::string(
        "/opt/canned/server\0--port\0"
        "80",
        28);
  };
  sources.facts = [] {
    return std::vector<std::pair<std::string, std::string>>{{"allocator", "glibc <2.36>"}};
  };
  sources.wait = [](int) { return true; };
  return sources;
}

}  // namespace holdfast::testing
