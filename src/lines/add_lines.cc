#include "lines/add_lines.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "lines/program_file.h"

namespace holdfast::lines {
namespace {

// "libfoo.so+0x1234" stands for a name that the server did not find.
bool is_name(const profile::Function& function) {
  return !function.system_name.empty() && function.system_name.find("+0x") == std::string::npos;
}

class FunctionTable {
 public:
  explicit FunctionTable(std::vector<profile::Function>& functions) : functions_(functions) {}

  std::uint32_t index(const std::string& name, const std::string& system_name, const std::string& file) {
    const auto [at, is_new] =
        known_.try_emplace({name, system_name, file}, static_cast<std::uint32_t>(functions_.size()));
    if (is_new) functions_.push_back({name, system_name, file, 0});
    return at->second;
  }

 private:
  std::vector<profile::Function>& functions_;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint32_t> known_;
};

}  // namespace

void add_lines(profile::Profile& profile) {
  // Several mappings may be of one file.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ProgramFile>> files;
  FunctionTable functions(profile.functions);
  for (profile::Location& location : profile.locations) {
    if (location.mapping == profile::kNoMapping || location.is_folded) continue;
    if (location.lines.size() > 1 || (location.lines.size() == 1 && location.lines[0].line != 0)) continue;
    profile::Mapping& mapping = profile.mappings[location.mapping];
    const auto [at, is_new] = files.try_emplace({mapping.file, mapping.build_id});
    if (is_new) at->second = ProgramFile::open(mapping.file, mapping.build_id);
    if (at->second == nullptr || location.address < mapping.start) continue;
    const std::vector<SourceFrame> frames =
        at->second->at_file_offset(location.address - mapping.start + mapping.offset);
    if (frames.empty()) continue;
    std::vector<profile::Line> lines;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      std::string name = frames[i].function.shown, system_name = frames[i].function.mangled;
      const bool is_outermost = i + 1 == frames.size();
      // The server's own name knows of clones and aliases, which DWARF does not.
      if (is_outermost && !location.lines.empty()) {
        const profile::Function& named = profile.functions[location.lines[0].function];
        if (is_name(named) || name.empty()) {
          name = named.name;
          system_name = named.system_name;
        }
      }
      if (name.empty()) continue;
      if (system_name.empty()) system_name = name;
      lines.push_back({functions.index(name, system_name, frames[i].file), frames[i].line});
      mapping.has_filenames |= !frames[i].file.empty();
      mapping.has_line_numbers |= frames[i].line != 0;
    }
    if (lines.empty()) continue;
    location.lines = std::move(lines);
    mapping.has_functions = true;
    mapping.has_inline_frames = true;
  }
}

}  // namespace holdfast::lines
