// DWARF expressions of call frame information: PLT stubs, realigned stacks, signal frames. One bounded
// evaluator serves two askers: the full unwind, where every register has a value, and the cache of rows,
// where rsp and rbp stay symbols so that the answer holds for every visit of that code address. Any thread,
// inside malloc; about 400 bytes of stack.
#pragma once

#include <array>
#include <cstdint>

#include "record/unwind_cfi.h"
#include "record/unwind_memory.h"

namespace holdfast::record::cfi {

// Register values of one frame; a register whose bit is clear in `known` has none.
struct RegisterFile {
  std::array<std::uintptr_t, register_count> value;
  std::uint32_t known;

  bool has(std::uint64_t reg) const noexcept { return reg < register_count && ((known >> reg) & 1u) != 0; }
  void set(std::uint32_t reg, std::uintptr_t to) noexcept {
    value[reg] = to;
    known |= 1u << reg;
  }
  void forget(std::uint32_t reg) noexcept { known &= ~(1u << reg); }
};

// A value: `constant`, or a register's + constant, or the word at (register + inner) + constant.
struct Term {
  enum class Base : std::uint8_t { none, in_register, in_memory };
  Base base = Base::none;
  std::uint8_t reg = 0;
  std::int64_t inner = 0;
  std::int64_t constant = 0;
};

// Where an expression's registers and memory come from.
struct FullFrame {
  const RegisterFile& registers;
  ReadableWindow& memory;

  bool reg(std::uint64_t number, Term& term) const noexcept;
  bool deref(Term& term, std::uint32_t bytes) const noexcept;
};
struct SymbolicFrame {
  std::uintptr_t pc;  // rip is the only register with a known value

  bool reg(std::uint64_t number, Term& term) const noexcept;
  bool deref(Term& term, std::uint32_t bytes) const noexcept;
};

// Evaluates the expression whose uleb length lies at `expression`, with `initial` (if any) pushed first.
// False when it is malformed, reads what may not be read, needs more than the machine has, or cannot be told
// in a Term. `expression` must come from a program that find_program accepted, which has bounded it.
bool evaluate(std::uintptr_t expression, const Term* initial, const FullFrame& frame, Term& result) noexcept;
bool evaluate(std::uintptr_t expression, const Term* initial, const SymbolicFrame& frame,
              Term& result) noexcept;

}  // namespace holdfast::record::cfi
