// The machine that runs a CFA program: every DW_CFA_ instruction of DWARF 5 and the GNU ones that x86-64
// uses.
#include "record/unwind_cfi.h"
#include "record/unwind_cursor.h"

namespace holdfast::record::cfi {
namespace {

// Compilers nest once, hand-written assembly twice; each level costs stack in the middle of malloc.
constexpr std::uint32_t remember_levels = 4;

class RuleMachine {
 public:
  RuleMachine(const FrameProgram& program, std::uintptr_t pc, FrameRules& rules) noexcept
      : program_(program), pc_(pc), location_(program.function), rules_(rules) {}

  bool run() noexcept {
    if (!run(program_.cie_begin, program_.cie_end)) return false;
    initial_ = rules_;
    return run(program_.fde_begin, program_.fde_end);
  }

 private:
  bool run(const std::uint8_t* begin, const std::uint8_t* end) noexcept {
    ByteCursor cursor(begin, end);
    while (cursor.more() && location_ <= pc_) {
      if (!step(cursor)) return false;
    }
    return cursor.ok();
  }

  void set(std::uint64_t reg, Rule rule, std::int64_t operand) noexcept {
    if (reg < register_count) rules_.registers[reg] = RegisterRule(rule, operand);
  }

  void restore(std::uint64_t reg) noexcept {
    if (reg < register_count) rules_.registers[reg] = initial_.registers[reg];
  }

  std::int64_t factored(std::uint64_t value) const noexcept {
    return static_cast<std::int64_t>(value * static_cast<std::uint64_t>(program_.data_factor));
  }
  std::int64_t factored(std::int64_t value) const noexcept {
    return factored(static_cast<std::uint64_t>(value));
  }

  static std::int64_t expression(ByteCursor& cursor) noexcept {
    const auto address = reinterpret_cast<std::int64_t>(cursor.at());
    cursor.skip(cursor.uleb());
    return address;
  }

  bool set_cfa(std::uint64_t reg, std::int64_t offset) noexcept {
    if (reg >= register_count) return false;
    rules_.cfa_register = static_cast<std::uint8_t>(reg);
    rules_.cfa_operand = offset;
    rules_.cfa_is_expression = false;
    return true;
  }

  bool step(ByteCursor& cursor) noexcept {
    const std::uint8_t opcode = cursor.byte();
    const std::uint8_t low = opcode & 0x3fu;
    switch (opcode & 0xc0u) {
      case 0x40:
        location_ += low * program_.code_factor;
        return true;  // advance_loc
      case 0x80:
        set(low, Rule::offset, factored(cursor.uleb()));
        return true;  // offset
      case 0xc0:
        restore(low);
        return true;  // restore
      default:
        return extended(low, cursor);
    }
  }

  bool extended(std::uint8_t opcode, ByteCursor& cursor) noexcept {
    switch (opcode) {
      case 0x00:
        return true;  // nop
      case 0x01:
        location_ = cursor.pointer(program_.pointer_encoding, 0);
        return true;  // set_loc
      case 0x02:
        location_ += cursor.byte() * program_.code_factor;
        return true;  // advance_loc1, 2, 4
      case 0x03:
        location_ += cursor.fixed<std::uint16_t>() * program_.code_factor;
        return true;
      case 0x04:
        location_ += cursor.fixed<std::uint32_t>() * program_.code_factor;
        return true;
      case 0x0a:
        return remember();
      case 0x0b:
        return recall();
      case 0x0c: {  // def_cfa
        const std::uint64_t reg = cursor.uleb();
        return set_cfa(reg, static_cast<std::int64_t>(cursor.uleb()));
      }
      case 0x0d:
        return !rules_.cfa_is_expression && set_cfa(cursor.uleb(), rules_.cfa_operand);  // def_cfa_register
      case 0x0e:                                                                         // def_cfa_offset
        return !rules_.cfa_is_expression &&
               set_cfa(rules_.cfa_register, static_cast<std::int64_t>(cursor.uleb()));
      case 0x0f:  // def_cfa_expression
        rules_.cfa_operand = expression(cursor);
        rules_.cfa_is_expression = true;
        return true;
      case 0x12: {  // def_cfa_sf
        const std::uint64_t reg = cursor.uleb();
        return set_cfa(reg, factored(cursor.sleb()));
      }
      case 0x13:  // def_cfa_offset_sf
        return !rules_.cfa_is_expression && set_cfa(rules_.cfa_register, factored(cursor.sleb()));
      case 0x2e:
        cursor.uleb();
        return true;  // GNU_args_size: about arguments pushed, not about frames
      default:
        return register_rule(opcode, cursor);
    }
  }

  bool register_rule(std::uint8_t opcode, ByteCursor& cursor) noexcept {
    const std::uint64_t reg = cursor.uleb();
    switch (opcode) {
      case 0x05:
        set(reg, Rule::offset, factored(cursor.uleb()));
        return true;  // offset_extended
      case 0x06:
        restore(reg);
        return true;  // restore_extended
      case 0x07:
        set(reg, Rule::undefined, 0);
        return true;  // undefined
      case 0x08:
        set(reg, Rule::same, 0);
        return true;  // same_value
      case 0x09:
        set(reg, Rule::in_register, static_cast<std::int64_t>(cursor.uleb()));
        return true;  // register
      case 0x10:
        set(reg, Rule::expression, expression(cursor));
        return true;  // expression
      case 0x11:
        set(reg, Rule::offset, factored(cursor.sleb()));
        return true;  // offset_extended_sf
      case 0x14:
        set(reg, Rule::val_offset, factored(cursor.uleb()));
        return true;  // val_offset
      case 0x15:
        set(reg, Rule::val_offset, factored(cursor.sleb()));
        return true;  // val_offset_sf
      case 0x16:
        set(reg, Rule::val_expression, expression(cursor));
        return true;  // val_expression
      case 0x2f:
        set(reg, Rule::offset, factored(std::uint64_t{0} - cursor.uleb()));
        return true;  // GNU_negative_offset_extended
      default:
        return false;
    }
  }

  bool remember() noexcept {
    if (depth_ == remember_levels) return false;
    remembered_[depth_++] = rules_;
    return true;
  }

  bool recall() noexcept {
    if (depth_ == 0) return false;
    rules_ = remembered_[--depth_];
    return true;
  }

  const FrameProgram& program_;
  std::uintptr_t pc_;
  std::uintptr_t location_;
  FrameRules& rules_;
  std::uint32_t depth_ = 0;
  FrameRules initial_;
  std::array<FrameRules, remember_levels> remembered_;  // unset until remembered
};

}  // namespace

bool run_program(const FrameProgram& program, std::uintptr_t pc, FrameRules& rules) noexcept {
  rules = FrameRules{};
  return RuleMachine(program, pc, rules).run();
}

}  // namespace holdfast::record::cfi
