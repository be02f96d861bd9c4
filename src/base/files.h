// Files read whole under a limit and written so that a reader sees the old content or the new, never half of
// it. Called by the tool and by dumps on any thread; allocates and blocks on the disk.
#pragma once

#include <holdfast/result.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::base {

// The file's bytes; `-` is standard input. Error when it does not exist, is a directory, may not be read, or
// holds more than `limit` bytes. Devices and pipes are read to their end.
Result<std::string> read_file(const std::string& path, std::size_t limit);

// An output that exists from open() on as a temporary file beside `path`, and takes that name in commit().
// Without a commit nothing is left behind. `-` is standard output; an existing device or pipe is written in
// place.
class OutputFile {
 public:
  // Error when the directory is missing or not writable, or `path` is a directory.
  static Result<OutputFile> open(const std::string& path);

  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // Appends; error when the disk is full or a pipe's reader is gone.
  Result<void> write(std::string_view bytes);

  // Flushes to the disk and takes the final name. Nothing may be written afterwards.
  Result<void> commit();

  const std::string& path() const noexcept { return path_; }

 private:
  OutputFile(int fd, std::string path, std::string temporary) noexcept;
  void discard() noexcept;

  int fd_ = -1;
  std::string path_;
  std::string temporary_;  // empty when written in place
};

// Opens, writes, commits.
Result<void> write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace holdfast::base
