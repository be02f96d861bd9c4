#include "snapshot/proc_maps.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace holdfast::snapshot {
namespace {

constexpr std::size_t kMaxMapsBytes = std::size_t{64} << 20;
constexpr std::string_view kDeleted = " (deleted)";

// Takes a number and the character behind it off the front of `text`; false when either is missing.
bool take_number(std::string_view& text, int base, char end, std::uint64_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  const auto used = static_cast<std::size_t>(stop - text.data());
  if (error != std::errc{} || used >= text.size() || text[used] != end) return false;
  text.remove_prefix(used + 1);
  return true;
}

// "55d0-55e0 r-xp 00002000 fe:01 1234   /usr/bin/cat (deleted)"
bool parse_line(std::string_view line, Mapped& mapped) {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  if (!take_number(line, 16, '-', mapped.range.start)) return false;
  if (!take_number(line, 16, ' ', mapped.range.limit)) return false;
  if (line.size() < 5 || line[4] != ' ') return false;
  mapped.is_readable = line[0] == 'r';
  mapped.is_writable = line[1] == 'w';
  mapped.is_executable = line[2] == 'x';
  mapped.is_private = line[3] == 'p';
  line.remove_prefix(5);
  if (!take_number(line, 16, ' ', mapped.range.offset)) return false;
  if (!take_number(line, 16, ':', major) || !take_number(line, 16, ' ', minor)) return false;
  const std::size_t digits = line.find_first_not_of("0123456789");
  const std::string_view inode = line.substr(0, digits);
  std::from_chars(inode.data(), inode.data() + inode.size(), mapped.inode);
  line.remove_prefix(inode.size());
  const std::size_t path = line.find_first_not_of(' ');
  line.remove_prefix(path == std::string_view::npos ? line.size() : path);
  if (line.ends_with(kDeleted)) line.remove_suffix(kDeleted.size());
  mapped.path = line;
  return mapped.range.start < mapped.range.limit;
}

}  // namespace

std::vector<Mapped> parse_mappings(std::string_view maps) {
  std::vector<Mapped> found;
  while (!maps.empty()) {
    const std::size_t end = maps.find('\n');
    Mapped mapped;
    if (parse_line(maps.substr(0, end), mapped)) found.push_back(std::move(mapped));
    maps.remove_prefix(end == std::string_view::npos ? maps.size() : end + 1);
  }
  return found;
}

std::vector<MappedCode> parse_executable_mappings(std::string_view maps) {
  std::vector<MappedCode> found;
  for (Mapped& mapped : parse_mappings(maps)) {
    if (mapped.is_executable) found.push_back({mapped.range, mapped.inode, std::move(mapped.path)});
  }
  return found;
}

std::string read_own_maps() {
  const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  char chunk[16384];
  while (text.size() < kMaxMapsBytes) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(chunk, static_cast<std::size_t>(got));
  }
  ::close(fd);
  return text;
}

}  // namespace holdfast::snapshot
