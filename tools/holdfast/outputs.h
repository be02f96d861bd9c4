// Where a subcommand's results go: --format and -o, which mean the same everywhere. `--format NAME` picks a
// format for standard output or the file of -o; `--format NAME=FILE` writes that one to its own file, and may
// be repeated. Files are opened before the work starts, so that a wrong path costs no waiting, and appear
// under their name only when complete. Main thread; allocates.
//
//     outputs->add_flags(*app, {"text", "json"});                   // the first is the default
//     ... in the work:
//     if (auto opened = outputs->open(); !opened) return opened.error();
//     auto findings = judge(...);
//     if (auto written = outputs->write([&](const std::string& format) { return render(format, findings); });
//     !written)
//       return written.error();
#pragma once

#include <holdfast/result.h>

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"

namespace CLI {
class App;
}

namespace holdfast::tool {

class Outputs {
 public:
  // Adds --format and -o,--output to `app`; `this` must outlive the parsing. `formats` are the names
  // accepted.
  void add_flags(CLI::App& app, std::vector<std::string> formats);

  // Checks the formats asked for and opens every output file. Once, before the work.
  Result<void> open();

  // True when `format` was asked for; valid after open().
  bool wants(const std::string& format) const;

  // Renders each wanted format once and writes it where it belongs.
  Result<void> write(const std::function<Result<std::string>(const std::string& format)>& render);

 private:
  struct Output {
    std::string format;
    base::OutputFile file;
  };

  std::vector<std::string> known_;
  std::vector<std::string> asked_;  // as written: NAME or NAME=FILE
  std::string default_file_ = "-";  // of -o
  std::vector<Output> outputs_;
};

}  // namespace holdfast::tool
