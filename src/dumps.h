// Profiles written to a directory when memory runs high or a signal asks: whole files only, and only the
// newest few. Quiet threads; allocates.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// "2GiB" (of resident memory) or "90%" (of the control group's limit, or of the machine's memory where there
// is none).
struct DumpThreshold {
  std::uint64_t bytes = 0;  // 0: not in bytes
  unsigned percent = 0;     // 0: not in percent
};
Result<DumpThreshold> parse_dump_threshold(std::string_view text);

class Dumps {
 public:
  Dumps(std::string directory, unsigned most) : directory_(std::move(directory)), most_(most) {}

  // Writes `profile` to heap.<pid>.<reason>-<number>.pb.gz and removes the oldest files of this kind, of
  // whichever process, beyond `most`. Returns the path.
  Result<std::string> write(std::string_view reason, std::string_view profile);
  std::uint64_t written() const noexcept { return written_; }

 private:
  void remove_oldest() const;

  std::string directory_;
  unsigned most_;
  std::uint64_t written_ = 0;
};

}  // namespace holdfast
