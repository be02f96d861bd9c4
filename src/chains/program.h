// The files of a program that was asked about, opened on the desk by elfutils: symbols and DWARF of the
// modules in a dump, where files with the same build ids are to be had here. One thread; allocates; reads
// files.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chains/dump.h"

namespace holdfast::chains {

struct SymbolName {
  std::string name;          // demangled
  std::uint64_t offset = 0;  // of the address in it
};

// A variable as the source knows it.
struct Variable {
  std::string name;  // "router.routes", members down to the address included
  std::string type;  // "std::map<std::string, Handler>"; empty when unknown
};

struct SourceFrame {
  std::string function;  // innermost inlined first
  std::string file;
  int line = 0;
};

class Program {
 public:
  // `modules` must outlive this. `folders`: where to look for files that are not at their path, by name and
  // build id.
  Program(const std::vector<Module>& modules, const std::vector<std::string>& folders);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  // The function or object around an address; nothing where no symbol spans it.
  std::optional<SymbolName> symbol(std::uint64_t address) const;
  // The thread-local variable of the module loaded at `bias`, this far into its block.
  std::optional<SymbolName> thread_local_symbol(std::uint64_t bias, std::uint64_t offset) const;
  // By DWARF; nothing without it.
  std::optional<Variable> variable(std::uint64_t address) const;
  std::optional<Variable> thread_local_variable(std::uint64_t bias, std::uint64_t offset) const;
  // Inlined functions at a return address, innermost first, the function that contains them last; empty
  // without DWARF.
  std::vector<SourceFrame> frames(std::uint64_t return_address) const;

  // "libfoo.so+0x1234"; "0x7f…" outside of every module.
  std::string place(std::uint64_t address) const;
  const Module* module_at(std::uint64_t address) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::chains
