#include "outputs.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

namespace holdfast::tool {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void Outputs::add_flags(CLI::App& app, std::vector<std::string> formats) {
  known_ = std::move(formats);
  app.add_option("--format", asked_,
                 "How to tell the result: " + joined(known_) + " [" + known_.front() +
                     "]; NAME=FILE writes that format to a file, and the flag may be repeated")
      ->type_name("NAME[=FILE]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("-o,--output", default_file_, "Where the result goes [-, standard output]")
      ->type_name("FILE");
}

Result<void> Outputs::open() {
  if (asked_.empty()) asked_.push_back(known_.front());
  bool is_default_taken = false;
  for (const std::string& asked : asked_) {
    const std::size_t equals = asked.find('=');
    const std::string format = asked.substr(0, equals);
    if (std::find(known_.begin(), known_.end(), format) == known_.end()) {
      return Error{"there is no format '" + format + "' here", "choose from " + joined(known_)};
    }
    const bool has_own_file = equals != std::string::npos;
    if (!has_own_file && std::exchange(is_default_taken, true)) {
      return Error{"two formats for one output", "give all but one a file: --format " + format + "=FILE"};
    }
    auto file = base::OutputFile::open(has_own_file ? asked.substr(equals + 1) : default_file_);
    if (!file) return file.error();
    outputs_.push_back({format, std::move(*file)});
  }
  // -o with only NAME=FILE formats would silently write nothing there.
  if (!is_default_taken && default_file_ != "-") {
    return Error{"nothing is left to write to " + default_file_,
                 "add the format meant for it: --format " + known_.front()};
  }
  return {};
}

bool Outputs::wants(const std::string& format) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [&](const Output& output) { return output.format == format; });
}

Result<void> Outputs::write(const std::function<Result<std::string>(const std::string& format)>& render) {
  for (Output& output : outputs_) {
    const auto text = render(output.format);
    if (!text) return text.error();
    if (auto written = output.file.write(*text); !written) return written;
    if (auto kept = output.file.commit(); !kept) return kept;
  }
  return {};
}

}  // namespace holdfast::tool
