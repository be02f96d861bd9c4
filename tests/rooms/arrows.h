// Who may include whom: the rooms of the house and the arrows between them, as src/README.md draws them.
// Reads the sources as text; used by its test only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::testing {

// One include that leaves its room through a door that does not exist.
struct BrokenArrow {
  std::string file;  // relative to the root
  int line = 0;
  std::string from;  // room of `file`
  std::string to;    // room it includes
};

// "src/record/site_table.cc:12: record -> profile is not among the allowed arrows".
std::string tell(const BrokenArrow& arrow);

// Room of a source file given relative to the root ("src/record/site_table.cc" is in "record",
// "reports/text.cc" in "reports", "tools/holdfast/top.cc" in "tools"); "composition" for the few files that
// join rooms; "door" for the public headers; empty for files outside the house.
std::string room_of(const std::filesystem::path& file);

// Every broken arrow under `root`, sorted by file and line. An include of a folder nobody has listed is one
// too, so that a new room cannot slip in without its arrows.
std::vector<BrokenArrow> broken_arrows(const std::filesystem::path& root);

// How many sources broken_arrows() would read.
std::size_t count_sources(const std::filesystem::path& root);

}  // namespace holdfast::testing
