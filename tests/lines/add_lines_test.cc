#include "lines/add_lines.h"

#include <dlfcn.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace holdfast::lines {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::vector<std::string> libraries() {
  std::vector<std::string> paths;
  std::stringstream list(LINES_LIBRARIES);
  for (std::string path; std::getline(list, path, ',');) paths.push_back(path);
  return paths;
}

std::int64_t line_marked(const std::string& mark) {
  std::ifstream source(HOLDFAST_SOURCE_DIR "/tests/lines/inlined.cc");
  std::int64_t number = 0;
  for (std::string line; std::getline(source, line);) {
    ++number;
    if (line.ends_with("// mark: " + mark)) return number;
  }
  ADD_FAILURE() << "no line is marked " << mark;
  return 0;
}

// A library of the test, loaded, and the profile a server that holds it would send.
class Loaded {
 public:
  explicit Loaded(const std::string& path)
      : path_(path), handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_NE(handle_, nullptr) << dlerror();
  }
  ~Loaded() { dlclose(handle_); }

  profile::Profile profile(const char* function) const {
    void* symbol = dlsym(handle_, function);
    using Call = void* (*)();
    const auto address = reinterpret_cast<std::uint64_t>(reinterpret_cast<Call>(symbol)()) - 1;
    profile::Profile p;
    p.functions.push_back({function, function, "", 0});
    p.mappings.push_back(mapping(address));
    p.locations.push_back({0, address, {{0, 0}}, false});
    return p;
  }

 private:
  profile::Mapping mapping(std::uint64_t address) const {
    profile::Mapping found;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      unsigned long long start = 0, limit = 0, offset = 0;
      if (std::sscanf(line.c_str(), "%llx-%llx %*s %llx", &start, &limit, &offset) != 3) continue;
      if (address < start || address >= limit) continue;
      found.start = start;
      found.limit = limit;
      found.offset = offset;
    }
    found.file = path_;
    found.build_id = build_id();
    return found;
  }

  std::string build_id() const {
    struct link_map* map = nullptr;
    dlinfo(handle_, RTLD_DI_LINKMAP, &map);
    struct Wanted {
      ElfW(Addr) base;
      std::string hex;
    } wanted{map->l_addr, {}};
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* data) {
          auto& w = *static_cast<Wanted*>(data);
          for (int i = 0; info->dlpi_addr == w.base && i < info->dlpi_phnum; ++i) {
            if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
            const auto* bytes = reinterpret_cast<const unsigned char*>(w.base + info->dlpi_phdr[i].p_vaddr);
            const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(bytes);
            if (note->n_type != NT_GNU_BUILD_ID) continue;
            for (std::size_t b = 0; b < note->n_descsz; ++b) {
              const unsigned char byte = bytes[sizeof(*note) + note->n_namesz + b];
              w.hex += "0123456789abcdef"[byte >> 4];
              w.hex += "0123456789abcdef"[byte & 15];
            }
          }
          return 0;
        },
        &wanted);
    return wanted.hex;
  }

  std::string path_;
  void* handle_;
};

const profile::Function& function(const profile::Profile& p, std::size_t frame) {
  return p.functions[p.locations[0].lines[frame].function];
}

class LinesOf : public ::testing::TestWithParam<std::string> {};

TEST_P(LinesOf, InlinedCallsAreFramesWithTheirLines) {
  profile::Profile p = Loaded(GetParam()).profile("lines_of_inlined");
  add_lines(p);
  ASSERT_EQ(p.locations[0].lines.size(), 3u);
  // g++ leaves no mangled name in an unnamed namespace, and so no types of arguments.
  EXPECT_THAT(function(p, 0).name,
              AnyOf("(anonymous namespace)::innermost(int)", "(anonymous namespace)::innermost(...)"));
  EXPECT_EQ(p.locations[0].lines[0].line, line_marked("innermost"));
  EXPECT_EQ(function(p, 1).name, "shop::Cart::put(int)");
  EXPECT_EQ(p.locations[0].lines[1].line, line_marked("put"));
  EXPECT_EQ(function(p, 2).name, "lines_of_inlined");
  EXPECT_EQ(p.locations[0].lines[2].line, line_marked("outermost"));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_THAT(function(p, i).filename, EndsWith("tests/lines/inlined.cc"));
  EXPECT_TRUE(p.mappings[0].has_line_numbers && p.mappings[0].has_filenames &&
              p.mappings[0].has_inline_frames);
}

TEST_P(LinesOf, ALambdaIsNamedAfterTheFunctionItIsWrittenIn) {
  profile::Profile p = Loaded(GetParam()).profile("lines_of_lambda");
  add_lines(p);
  ASSERT_EQ(p.locations[0].lines.size(), 3u);
  EXPECT_THAT(function(p, 1).name, HasSubstr("lines_of_lambda"));
  EXPECT_THAT(function(p, 1).name, HasSubstr("operator()"));
  EXPECT_EQ(p.locations[0].lines[1].line, line_marked("lambda"));
  EXPECT_EQ(p.locations[0].lines[2].line, line_marked("caller"));
}

TEST_P(LinesOf, AnotherBuildIdLeavesTheProfileAsItWas) {
  profile::Profile p = Loaded(GetParam()).profile("lines_of_inlined");
  p.mappings[0].build_id.back() = p.mappings[0].build_id.back() == '0' ? '1' : '0';
  const profile::Profile before = p;
  add_lines(p);
  EXPECT_EQ(p, before);
}

TEST_P(LinesOf, ANameTheServerDidNotFindIsTakenFromTheDwarf) {
  profile::Profile p = Loaded(GetParam()).profile("lines_of_inlined");
  p.functions[0] = {"inlined.so+0x1139", "", "", 0};
  add_lines(p);
  ASSERT_EQ(p.locations[0].lines.size(), 3u);
  EXPECT_THAT(function(p, 2).name, HasSubstr("lines_of_inlined"));
}

TEST_P(LinesOf, LinesThatAreThereAlreadyStay) {
  profile::Profile p = Loaded(GetParam()).profile("lines_of_inlined");
  p.locations[0].lines[0].line = 7;
  const profile::Profile before = p;
  add_lines(p);
  EXPECT_EQ(p, before);
}

INSTANTIATE_TEST_SUITE_P(EachCompiler, LinesOf, ::testing::ValuesIn(libraries()), [](const auto& library) {
  return library.param.find("clangxx") == std::string::npos ? std::string("gxx") : std::string("clangxx");
});

TEST(AddLines, AStrippedFileLeavesTheProfileAsItWas) {
  profile::Profile p = Loaded(LINES_STRIPPED).profile("lines_of_inlined");
  const profile::Profile before = p;
  add_lines(p);
  EXPECT_EQ(p, before);
}

TEST(AddLines, PathsThatAreNoFilesAreNotOpened) {
  profile::Profile p = Loaded(libraries()[0]).profile("lines_of_inlined");
  for (const char* path : {"/dev/tty", "/", "", "no/such/file", "/dev/zero"}) {
    p.mappings[0].file = path;
    const profile::Profile before = p;
    add_lines(p);
    EXPECT_EQ(p, before) << path;
  }
}

}  // namespace
}  // namespace holdfast::lines
