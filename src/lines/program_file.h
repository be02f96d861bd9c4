// A program or library on this machine, opened for its debug information: in the file itself, or in the one
// that the distribution installs beside it, found by build id. One thread; allocates; reads files and asks no
// debuginfod server.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lines/functions.h"

namespace holdfast::lines {

class ProgramFile {
 public:
  // The file at `path` if it is a regular ELF file with this build id (lower-case hex) and debug information;
  // else nullptr. An empty build id matches none: names from another build would be wrong.
  static std::unique_ptr<ProgramFile> open(const std::string& path, const std::string& build_id);

  ProgramFile(const ProgramFile&) = delete;
  ProgramFile& operator=(const ProgramFile&) = delete;
  ~ProgramFile();

  // The frames of the code at this offset in the file; see Functions::at().
  std::vector<SourceFrame> at_file_offset(std::uint64_t offset);

 private:
  struct Segment {
    std::uint64_t offset = 0, size = 0, address = 0;
  };
  struct Closer;

  ProgramFile() = default;

  std::unique_ptr<Closer> closer_;
  std::vector<Segment> segments_;
  std::uint64_t bias_ = 0;  // addresses of the file - addresses in its DWARF
  std::optional<Functions> functions_;
};

}  // namespace holdfast::lines
