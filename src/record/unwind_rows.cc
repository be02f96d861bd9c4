#include "record/unwind_rows.h"

#include <sys/mman.h>

#include "record/unwind_expression.h"

namespace holdfast::record {
namespace {

using cfi::FrameRules;
using cfi::RegisterRule;
using cfi::Rule;
using cfi::Term;

constexpr std::int64_t word_bytes = 8;

bool fits(std::int64_t value, int value_bits) noexcept {
  const std::int64_t limit = std::int64_t{1} << (value_bits - 1);
  return value >= -limit && value < limit;
}

bool is_unchanged(const RegisterRule& rule) noexcept {
  // "Undefined" says that the caller does not want it back: any value serves.
  return rule.rule() == Rule::unspecified || rule.rule() == Rule::same || rule.rule() == Rule::undefined;
}

bool cfa_term(const FrameRules& rules, std::uintptr_t pc, Term& term) noexcept {
  const cfi::SymbolicFrame frame{pc};
  if (rules.cfa_is_expression) {
    return cfi::evaluate(static_cast<std::uintptr_t>(rules.cfa_operand), nullptr, frame, term);
  }
  if (!frame.reg(rules.cfa_register, term)) return false;
  term.constant = rules.cfa_operand;
  return true;
}

bool fp_step(const FrameRules& rules, std::uintptr_t pc, const Term& cfa, Row::FpRule& rule,
             std::int64_t& offset) noexcept {
  const RegisterRule fp = rules.registers[cfi::rbp];
  rule = Row::fp_kept;
  offset = 0;
  if (is_unchanged(fp)) return true;
  if (fp.rule() == Rule::offset) {
    rule = Row::fp_at_cfa;
    offset = fp.operand();
    return true;
  }
  Term place;
  if (fp.rule() != Rule::expression ||
      !cfi::evaluate(static_cast<std::uintptr_t>(fp.operand()), &cfa, cfi::SymbolicFrame{pc}, place) ||
      place.base != Term::Base::in_register || place.reg != cfi::rbp) {
    return false;
  }
  rule = Row::fp_at_fp;
  offset = place.constant;
  return true;
}

}  // namespace

Row Row::step(Kind kind, bool memory_at_fp, std::int64_t cfa_offset, std::int64_t addend, FpRule fp_rule,
              std::int64_t fp_offset) noexcept {
  constexpr int cfa_bits = 24, fp_bits = 16, addend_bits = 16;
  if (cfa_offset % word_bytes != 0 || !fits(cfa_offset / word_bytes, cfa_bits) ||
      fp_offset % word_bytes != 0 || !fits(fp_offset / word_bytes, fp_bits) || !fits(addend, addend_bits)) {
    return Row(all_registers);
  }
  const auto field = [](std::int64_t value, int width, int shift) {
    return (static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << width) - 1)) << shift;
  };
  return Row(field(kind, 3, 0) | field(fp_rule, 2, 3) | field(memory_at_fp, 1, 5) |
             field(fp_offset / word_bytes, fp_bits, 8) | field(addend, addend_bits, 24) |
             field(cfa_offset / word_bytes, cfa_bits, 40));
}

Row compress_rules(const FrameRules& rules, std::uintptr_t pc) noexcept {
  const RegisterRule return_rule = rules.registers[cfi::rip];
  if (return_rule.rule() == Rule::undefined) return Row(Row::outermost);
  if (return_rule.rule() != Rule::offset || return_rule.operand() != -word_bytes ||
      rules.registers[cfi::rsp].rule() != Rule::unspecified) {
    return Row(Row::all_registers);
  }
  Term cfa;
  Row::FpRule fp_rule = Row::fp_kept;
  std::int64_t fp_offset = 0;
  if (!cfa_term(rules, pc, cfa) || !fp_step(rules, pc, cfa, fp_rule, fp_offset))
    return Row(Row::all_registers);
  switch (cfa.base) {
    case Term::Base::in_register:
      return Row::step(cfa.reg == cfi::rbp ? Row::from_fp : Row::from_sp, false, cfa.constant, 0, fp_rule,
                       fp_offset);
    case Term::Base::in_memory:
      return Row::step(Row::from_memory, cfa.reg == cfi::rbp, cfa.inner, cfa.constant, fp_rule, fp_offset);
    default:
      return Row(Row::lost);  // a constant: no frame lies at a fixed address
  }
}

// Not inlined anywhere: its stack use must not weigh on the captures that miss nothing.
__attribute__((noinline)) Row learn_row(std::uintptr_t pc) noexcept {
  cfi::FrameProgram program;
  cfi::FrameRules rules;
  if (!cfi::find_program(pc, program)) return Row(cfi::is_stack_start(pc + 1) ? Row::outermost : Row::lost);
  if (!cfi::run_program(program, pc, rules)) return Row(Row::lost);
  return program.signal_frame ? Row(Row::all_registers) : compress_rules(rules, pc);
}

bool RowTable::open() noexcept {
  if (is_open()) return true;
  constexpr std::size_t bytes = slot_count * sizeof(Slot);
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  Slot* expected = nullptr;
  // Zero pages are empty slots: no key is 0.
  if (!rows_.compare_exchange_strong(expected, static_cast<Slot*>(memory), std::memory_order_acq_rel)) {
    munmap(memory, bytes);
  }
  return true;
}

void RowTable::publish(std::uintptr_t key, Seal seal, Row row) noexcept {
  Slot* rows = rows_.load(std::memory_order_relaxed);
  const std::size_t home = home_of(key);
  std::size_t way = 0;
  while (way < ways && rows[home ^ way].word.load(std::memory_order_relaxed) != 0) ++way;
  // All taken: some other row goes, a different one for each key and row.
  if (way == ways) way = static_cast<std::size_t>((mark(row.word(), seal) ^ key) >> 32) % ways;
  Slot& slot = rows[home ^ way];
  slot.word.store(row.word(), std::memory_order_relaxed);
  slot.check.store(key ^ mark(row.word(), seal), std::memory_order_relaxed);
}

}  // namespace holdfast::record
