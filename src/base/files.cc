#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/units.h"

namespace holdfast::base {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} * 1024;

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Error read_error(const std::string& path, int error_number) {
  const std::string what = "cannot read " + path + ": " + std::strerror(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {what, "check the path"};
    case EACCES:
    case EPERM:
      return {what, "ask for read permission on it, or run as its owner"};
    default:
      return {what, ""};
  }
}

Error write_error(const std::string& path, int error_number) {
  const std::string what = "cannot write " + path + ": " + std::strerror(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {what, "create the directory first"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {what, "choose a directory you may write to"};
    case ENOSPC:
    case EDQUOT:
      return {what, "free some space, or write elsewhere"};
    default:
      return {what, ""};
  }
}

Result<std::string> read_all(int fd, const std::string& name, std::size_t size_hint, std::size_t limit) {
  std::string bytes;
  std::size_t size = 0;
  bytes.resize(std::min(size_hint, limit) + 1);
  for (;;) {
    if (size == bytes.size()) bytes.resize(size + kChunkBytes);
    const ssize_t got = ::read(fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return read_error(name, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > limit) {
      return Error{name + " is larger than " + format_bytes(static_cast<double>(limit)),
                   "check that it is the file you meant"};
    }
  }
  bytes.resize(size);
  return bytes;
}

Result<void> write_all(int fd, const std::string& name, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return write_error(name, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// A new file beside `target`, with the mode any new file of this process gets; -1 and errno on failure.
// mkstemp's 0600 would surprise the other readers of the output, and asking for the umask changes it for
// every thread.
int create_beside(const std::string& target, std::string& temporary) {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    temporary = target + "." + std::to_string(::getpid()) + "-" + std::to_string(i) + ".tmp";
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input", 0, limit);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return read_error(path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return read_error(path, errno);
  if (S_ISDIR(info.st_mode)) return Error{path + " is a directory", "name a file in it"};
  const std::size_t size_hint = S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0;
  return read_all(file.get(), path, size_hint, limit);
}

OutputFile::OutputFile(int fd, std::string path, std::string temporary) noexcept
    : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this != &other) {
    discard();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
    temporary_ = std::exchange(other.temporary_, {});
  }
  return *this;
}

OutputFile::~OutputFile() { discard(); }

void OutputFile::discard() noexcept {
  if (fd_ > STDERR_FILENO) ::close(fd_);
  fd_ = -1;
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

Result<OutputFile> OutputFile::open(const std::string& path) {
  if (path.empty()) return Error{"the output file has no name", "name a file, or - for standard output"};
  if (path == "-") return OutputFile(STDOUT_FILENO, "standard output", "");

  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return Error{path + " is a directory", "name a file in it"};
  if (exists && !S_ISREG(info.st_mode)) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return write_error(path, errno);
    return OutputFile(fd, path, "");
  }

  // Renaming over a symbolic link would replace the link: write beside what it points to.
  std::string target = path;
  if (exists) {
    if (char* resolved = ::realpath(path.c_str(), nullptr)) {
      target = resolved;
      std::free(resolved);
    }
  }
  std::string temporary;
  const int fd = create_beside(target, temporary);
  if (fd < 0) return write_error(path, errno);
  OutputFile file(fd, target, temporary);
  if (exists && ::fchmod(fd, info.st_mode & 07777) != 0) return write_error(path, errno);
  return file;
}

Result<void> OutputFile::write(std::string_view bytes) { return write_all(fd_, path_, bytes); }

Result<void> OutputFile::commit() {
  if (temporary_.empty()) {
    discard();
    return {};
  }
  if (::fsync(fd_) != 0) return write_error(path_, errno);
  if (::close(std::exchange(fd_, -1)) != 0) return write_error(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return write_error(path_, errno);
  temporary_.clear();
  // The rename itself survives a power cut once the directory is on disk; some file systems refuse, and then
  // it is as good as they allow.
  const Descriptor directory(::open(parent_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

Result<void> write_file_atomically(const std::string& path, std::string_view bytes) {
  auto file = OutputFile::open(path);
  if (!file) return file.error();
  if (auto written = file->write(bytes); !written) return written;
  return file->commit();
}

}  // namespace holdfast::base
