#include "lines/functions.h"

#include <dwarf.h>

#include <algorithm>
#include <filesystem>

namespace holdfast::lines {
namespace {

constexpr int kDeepest = 64;  // of nested scopes; deeper ones belong to broken files

std::int64_t number_of(Dwarf_Die& die, unsigned int attribute) {
  Dwarf_Attribute found;
  Dwarf_Word number = 0;
  return dwarf_formudata(dwarf_attr(&die, attribute, &found), &number) == 0
             ? static_cast<std::int64_t>(number)
             : 0;
}

// Compilers told relative paths write them as they are, beside the folder they were started in.
std::string absolute(Dwarf_Die& unit, const char* file) {
  if (file == nullptr) return {};
  std::filesystem::path path(file);
  if (path.is_relative()) {
    Dwarf_Attribute attribute;
    if (const char* folder = dwarf_formstring(dwarf_attr(&unit, DW_AT_comp_dir, &attribute)))
      path = folder / path;
  }
  return path.lexically_normal().string();
}

bool holds_functions(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
         tag == DW_TAG_union_type || tag == DW_TAG_module;
}

}  // namespace

void Functions::add_ranges(Dwarf_Die& die, std::uint64_t what, std::vector<Range>& ranges) {
  Dwarf_Addr base = 0, low = 0, high = 0;
  for (std::ptrdiff_t next = 0; (next = dwarf_ranges(&die, next, &base, &low, &high)) > 0;) {
    // What the linker threw away starts at 0.
    if (low != 0 && low < high) ranges.push_back({low, high, what});
  }
}

void Functions::add_functions(Dwarf_Die& parent, std::vector<Range>& functions, int depth) {
  Dwarf_Die child;
  if (depth > kDeepest || dwarf_child(&parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) {
      add_ranges(child, dwarf_dieoffset(&child), functions);
    } else if (holds_functions(tag)) {
      add_functions(child, functions, depth + 1);
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

const Functions::Range* Functions::find(const std::vector<Range>& ranges, Dwarf_Addr address) {
  auto after = std::ranges::upper_bound(ranges, address, {}, &Range::low);
  // Folded functions may share a start: the nearest that reaches the address.
  for (int tries = 0; after != ranges.begin() && tries < 4; ++tries) {
    --after;
    if (address < after->high) return &*after;
  }
  return nullptr;
}

Functions::Functions(Dwarf* dwarf) : dwarf_(dwarf) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die entry;
  while (dwarf_get_units(dwarf_, unit, &unit, nullptr, nullptr, &entry, nullptr) == 0) {
    if (dwarf_tag(&entry) != DW_TAG_compile_unit) continue;
    add_ranges(entry, units_.size(), unit_ranges_);
    units_.push_back({dwarf_dieoffset(&entry), false, {}});
  }
  std::ranges::sort(unit_ranges_, {}, &Range::low);
}

const Name& Functions::name(Dwarf_Die& function) {
  const auto [at, is_new] = names_.try_emplace(dwarf_dieoffset(&function));
  if (is_new) at->second = name_of(function);
  return at->second;
}

std::vector<SourceFrame> Functions::at(Dwarf_Addr address) {
  const Range* found = find(unit_ranges_, address);
  if (found == nullptr) return {};
  Unit& unit = units_[found->what];
  Dwarf_Die unit_entry, function;
  if (dwarf_offdie(dwarf_, unit.entry, &unit_entry) == nullptr) return {};
  if (!unit.is_indexed) {
    add_functions(unit_entry, unit.functions, 0);
    std::ranges::sort(unit.functions, {}, &Range::low);
    unit.is_indexed = true;
  }
  const Range* range = find(unit.functions, address);
  if (range == nullptr || dwarf_offdie(dwarf_, range->what, &function) == nullptr) return {};

  // From the function down through what was inlined at the address: each is told with the place of the call
  // in it.
  std::vector<SourceFrame> frames{{name(function), {}, 0}};
  Dwarf_Files* files = nullptr;
  std::size_t file_count = 0;
  dwarf_getsrcfiles(&unit_entry, &files, &file_count);
  Dwarf_Die scope = function;
  for (int depth = 0; depth < kDeepest; ++depth) {
    Dwarf_Die child;
    bool deeper = false;
    if (dwarf_child(&scope, &child) != 0) break;
    do {
      const int tag = dwarf_tag(&child);
      if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) continue;
      if (dwarf_haspc(&child, address) != 1) continue;
      if (tag == DW_TAG_inlined_subroutine) {
        frames.back().line = number_of(child, DW_AT_call_line);
        const auto file = static_cast<std::size_t>(number_of(child, DW_AT_call_file));
        if (files != nullptr && file < file_count)
          frames.back().file = absolute(unit_entry, dwarf_filesrc(files, file, nullptr, nullptr));
        frames.push_back({name(child), {}, 0});
      }
      scope = child;
      deeper = true;
      break;
    } while (dwarf_siblingof(&child, &child) == 0);
    if (!deeper) break;
  }
  if (Dwarf_Line* line = dwarf_getsrc_die(&unit_entry, address)) {
    int number = 0;
    frames.back().file = absolute(unit_entry, dwarf_linesrc(line, nullptr, nullptr));
    if (dwarf_lineno(line, &number) == 0) frames.back().line = number;
  }
  std::ranges::reverse(frames);
  return frames;
}

}  // namespace holdfast::lines
