#include "program.h"

#include <elf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace holdfast::tool {
namespace {

// As the kernel: a longer #! line is cut, and more than four interpreters in a row are refused.
constexpr std::size_t kMaxScriptLine = 255;
constexpr int kMaxInterpreters = 4;

bool is_executable_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::string read_at(std::ifstream& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

template <typename T>
std::optional<T> read_struct(std::ifstream& file, std::uint64_t offset) {
  const std::string bytes = read_at(file, offset, sizeof(T));
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

Error refused(const std::string& path, const std::string& reason, const std::string& hint) {
  return {"cannot profile " + path + ": " + reason, hint};
}

Result<void> check_privileges(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return refused(path, std::strerror(errno), "check the path");
  const std::string hint = "profile a copy without the privilege, or link the program with Holdfast";
  const bool is_set_gid = (info.st_mode & S_ISGID) != 0 && (info.st_mode & S_IXGRP) != 0;
  if ((info.st_mode & S_ISUID) != 0 || is_set_gid) {
    const char* kind = (info.st_mode & S_ISUID) != 0 ? "set-uid" : "set-gid";
    return refused(
        path, std::string("it is ") + kind + ", and the loader preloads nothing into such programs", hint);
  }
  if (::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return refused(path, "it has file capabilities, and the loader preloads nothing into such programs",
                   hint);
  }
  return {};
}

// The path of the program's dynamic loader; empty in a static program.
std::string loader_of(std::ifstream& file, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto segment =
        read_struct<Elf64_Phdr>(file, header.e_phoff + i * std::uint64_t{sizeof(Elf64_Phdr)});
    if (!segment) return "";
    if (segment->p_type != PT_INTERP) continue;
    const std::string name =
        read_at(file, segment->p_offset, std::min<std::uint64_t>(segment->p_filesz, 4096));
    return name.c_str();  // up to its NUL
  }
  return "";
}

Result<void> check_elf(const std::string& path, std::ifstream& file) {
  const auto header = read_struct<Elf64_Ehdr>(file, 0);
  if (!header) return refused(path, "the file is cut short", "build or install it again");
  const std::string rebuild = "run its 64-bit build for this machine";
  if (header->e_ident[EI_CLASS] != ELFCLASS64) return refused(path, "it is a 32-bit program", rebuild);
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const auto own = read_struct<Elf64_Ehdr>(self, 0);
  if (own && own->e_machine != header->e_machine)
    return refused(path, "it is built for another machine", rebuild);
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return refused(path, "it is no executable but an object or core file", "name the program itself");
  }
  if (header->e_phentsize != sizeof(Elf64_Phdr))
    return refused(path, "its ELF header is broken", "build it again");
  const std::string loader = loader_of(file, *header);
  if (loader.empty()) {
    return refused(
        path, "it is statically linked, and nothing can be preloaded into it",
        "link it with Holdfast (target_link_libraries(... holdfast::holdfast)), or build it dynamic");
  }
  if (loader.find("/ld-linux") == std::string::npos) {
    return refused(path, "its loader is " + loader + ", not that of the GNU C library",
                   "run a build for glibc");
  }
  return check_privileges(path);
}

// The words after `#!`: the interpreter and, as the kernel passes it, one argument.
std::vector<std::string> script_words(const std::string& start) {
  std::istringstream line(start.substr(2, start.find('\n') - 2));
  std::vector<std::string> words;
  for (std::string word; line >> word;) words.push_back(word);
  return words;
}

// `#!/usr/bin/env [-S] [NAME=value...] program`: the program that env starts, or nothing.
std::string started_by_env(const std::vector<std::string>& words) {
  if (!words.front().ends_with("/env")) return "";
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i][0] != '-' && words[i].find('=') == std::string::npos) return words[i];
  }
  return "";
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  const Error missing{"cannot find the program " + name,
                      "check the spelling, or give its path, as ./" + name};
  if (name.find('/') != std::string::npos) {
    if (is_executable_file(name)) return name;
    struct stat info {};
    if (::stat(name.c_str(), &info) != 0)
      return Error{"cannot run " + name + ": " + std::strerror(errno), "check the path"};
    if (S_ISDIR(info.st_mode)) return Error{name + " is a directory", "name a program in it"};
    return Error{name + " is not executable", "make it so: chmod +x " + name};
  }
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string directory; !name.empty() && std::getline(directories, directory, ':');) {
    std::string candidate = (directory.empty() ? "." : directory) + "/" + name;
    if (is_executable_file(candidate)) return candidate;
  }
  return missing;
}

Result<void> check_preloadable(const std::string& path) {
  std::string program = path;
  for (int hop = 0; hop <= kMaxInterpreters; ++hop) {
    std::ifstream file(program, std::ios::binary);
    if (!file)
      return Error{"cannot read " + program + ": " + std::strerror(errno), "ask for read permission on it"};
    const std::string start = read_at(file, 0, kMaxScriptLine);
    if (start.starts_with(ELFMAG)) return check_elf(program, file);
    if (!start.starts_with("#!")) {
      return refused(program, "it is neither an ELF program nor a script with a #! line",
                     "name the program itself");
    }
    const auto words = script_words(start);
    if (words.empty()) return refused(program, "its #! line names no interpreter", "complete the first line");
    const std::string started = started_by_env(words);
    auto next = find_program(started.empty() ? words.front() : started);
    if (!next) return refused(program, "its #! line fails: " + next.error().what, next.error().hint);
    program = std::move(*next);
  }
  return refused(path, "its #! lines lead from script to script", "name the interpreter itself");
}

}  // namespace holdfast::tool
