// The unwind with all registers: what the cache of rows leaves to it.
#include "record/unwind_walk.h"

#if defined(__x86_64__)
#include "record/unwind_expression.h"

namespace holdfast::record {
namespace {

using cfi::RegisterFile;
using cfi::RegisterRule;
using cfi::Rule;
using cfi::Term;

enum class Step : std::uint8_t { caller, outermost, lost };

RegisterFile registers_at(const StackStart& start) noexcept {
  RegisterFile file{};
  file.set(cfi::rip, start.pc);
  file.set(cfi::rsp, start.sp);
  file.set(cfi::rbp, start.fp);
  file.set(cfi::rbx, start.rbx);
  file.set(cfi::r12, start.r12);
  file.set(cfi::r13, start.r13);
  file.set(cfi::r14, start.r14);
  file.set(cfi::r15, start.r15);
  return file;
}

bool find_cfa(const cfi::FrameRules& rules, const RegisterFile& registers, ReadableWindow& window,
              std::uintptr_t& cfa) noexcept {
  if (rules.cfa_is_expression) {
    Term term;
    if (!cfi::evaluate(static_cast<std::uintptr_t>(rules.cfa_operand), nullptr,
                       cfi::FullFrame{registers, window}, term)) {
      return false;
    }
    cfa = static_cast<std::uintptr_t>(term.constant);
    return true;
  }
  if (!registers.has(rules.cfa_register)) return false;
  cfa = registers.value[rules.cfa_register] + static_cast<std::uintptr_t>(rules.cfa_operand);
  return true;
}

// The caller's value of a register, by an explicit rule; false when it cannot be had.
bool recover(const RegisterRule& rule, std::uintptr_t cfa, const RegisterFile& registers,
             ReadableWindow& window, std::uintptr_t& value) noexcept {
  const auto operand = static_cast<std::uintptr_t>(rule.operand());
  switch (rule.rule()) {
    case Rule::offset:
      return window.word(cfa + operand, value);
    case Rule::val_offset:
      value = cfa + operand;
      return true;
    case Rule::in_register:
      if (!registers.has(operand)) return false;
      value = registers.value[operand];
      return true;
    case Rule::expression:
    case Rule::val_expression: {
      const Term initial{.constant = static_cast<std::int64_t>(cfa)};
      Term term;
      if (!cfi::evaluate(operand, &initial, cfi::FullFrame{registers, window}, term)) return false;
      value = static_cast<std::uintptr_t>(term.constant);
      return rule.rule() == Rule::val_expression || window.word(value, value);
    }
    default:
      return false;
  }
}

Step apply(const cfi::FrameRules& rules, bool signal_frame, RegisterFile& registers,
           ReadableWindow& window) noexcept {
  const Rule return_rule = rules.registers[cfi::rip].rule();
  if (return_rule == Rule::undefined) return Step::outermost;
  std::uintptr_t cfa = 0;
  if (return_rule == Rule::unspecified || return_rule == Rule::same ||
      !find_cfa(rules, registers, window, cfa)) {
    return Step::lost;
  }
  RegisterFile caller = registers;
  for (std::uint32_t reg = 0; reg < cfi::register_count; ++reg) {
    const RegisterRule rule = rules.registers[reg];
    if (rule.rule() == Rule::unspecified || rule.rule() == Rule::same) continue;
    std::uintptr_t value = 0;
    if (recover(rule, cfa, registers, window, value)) {
      caller.set(reg, value);
    } else if (reg == cfi::rip || reg == cfi::rsp) {
      return Step::lost;
    } else {
      caller.forget(reg);
    }
  }
  if (rules.registers[cfi::rsp].rule() == Rule::unspecified) caller.set(cfi::rsp, cfa);
  // Stacks grow towards the caller; only a signal frame may lead to another stack.
  if (!signal_frame && caller.value[cfi::rsp] <= registers.value[cfi::rsp]) return Step::lost;
  registers = caller;
  return Step::caller;
}

// Apart, so that the rule machine's stack is gone before expressions are evaluated.
__attribute__((noinline)) bool find_rules(std::uintptr_t pc, cfi::FrameRules& rules,
                                          bool& signal_frame) noexcept {
  cfi::FrameProgram program;
  if (!cfi::find_program(pc, program) || !cfi::run_program(program, pc, rules)) return false;
  signal_frame = program.signal_frame;
  return true;
}

__attribute__((noinline)) Step step_out(RegisterFile& registers, bool& exact,
                                        ReadableWindow& window) noexcept {
  cfi::FrameRules rules;
  bool signal_frame = false;
  const std::uintptr_t pc = registers.value[cfi::rip];
  if (!find_rules(exact ? pc : pc - 1, rules, signal_frame)) {
    return !exact && cfi::is_stack_start(pc) ? Step::outermost : Step::lost;
  }
  exact = signal_frame;
  return apply(rules, signal_frame, registers, window);
}

}  // namespace

__attribute__((noinline)) Capture walk_all_registers(const StackStart& start, ReadableWindow& window,
                                                     FrameSink sink) noexcept {
  RegisterFile registers = registers_at(start);
  bool exact = true;  // the address is of the instruction itself, not of the one after a call
  std::uint32_t depth = 0;
  for (;;) {
    const Step step = step_out(registers, exact, window);
    if (step == Step::lost) return {depth, true};
    const std::uintptr_t pc = registers.value[cfi::rip];
    if (step == Step::outermost || pc == 0) return {depth, false};
    if (depth == sink.max) return {depth, true};
    sink.pcs[depth++] = pc;
  }
}

}  // namespace holdfast::record

#else

namespace holdfast::record {

Capture walk_all_registers(const StackStart&, ReadableWindow&, FrameSink) noexcept { return {0, true}; }

}  // namespace holdfast::record

#endif
