// Call frame information (.eh_frame) read where the loader mapped it: from a code address to the rules that
// say how to get from that frame to its caller. x86-64. Any thread, inside malloc and inside signal handlers:
// the object is found by the loader's lock-free lookup; allocates nothing, takes no lock.
#pragma once

#include <array>
#include <cstdint>

namespace holdfast::record::cfi {

// DWARF numbers of the registers an unwind speaks of.
enum Register : std::uint8_t { rbx = 3, rbp = 6, rsp = 7, r12 = 12, r13 = 13, r14 = 14, r15 = 15, rip = 16 };
inline constexpr std::uint32_t register_count = 17;

enum class Rule : std::uint8_t {
  unspecified,
  undefined,
  same,
  offset,
  val_offset,
  in_register,
  expression,
  val_expression
};

// One rule in one word, since a function's rules must fit several times into a small stack. `operand` is an
// offset from the CFA, a register number, or the address of an expression (a uleb length, then its bytes).
class RegisterRule {
 public:
  RegisterRule() noexcept = default;
  constexpr RegisterRule(Rule rule, std::int64_t operand) noexcept
      : word_(static_cast<std::int64_t>(static_cast<std::uint64_t>(operand) << 3) |
              static_cast<std::int64_t>(rule)) {}
  Rule rule() const noexcept { return static_cast<Rule>(word_ & 7); }
  std::int64_t operand() const noexcept { return word_ >> 3; }

 private:
  std::int64_t word_;
};

// How to unwind from one code address. Trivial, so that unused copies cost nothing; FrameRules{} is "all
// unspecified".
struct FrameRules {
  std::array<RegisterRule, register_count> registers;
  std::int64_t cfa_operand;  // offset from cfa_register, or the address of an expression
  std::uint8_t cfa_register;
  bool cfa_is_expression;
};

// Where the program that makes the rules lies: one FDE and its CIE.
struct FrameProgram {
  std::uintptr_t function = 0;  // where the covered code begins
  const std::uint8_t* cie_begin = nullptr;
  const std::uint8_t* cie_end = nullptr;
  const std::uint8_t* fde_begin = nullptr;
  const std::uint8_t* fde_end = nullptr;
  std::uint64_t code_factor = 1;
  std::int64_t data_factor = 1;
  std::uint8_t pointer_encoding = 0;
  bool fde_augmented = false;
  bool signal_frame = false;
};

// Finds the program that covers `pc`; false when no loaded object has one there.
bool find_program(std::uintptr_t pc, FrameProgram& program) noexcept;

// Tells whether `return_address` is a start routine's: the first byte of a function, with no code that could
// have called right before it. Whoever made the stack (makecontext) put it there by hand, and nothing lies
// beyond.
bool is_stack_start(std::uintptr_t return_address) noexcept;

// Runs `program` up to `pc`; false when it is malformed or uses what is not understood.
bool run_program(const FrameProgram& program, std::uintptr_t pc, FrameRules& rules) noexcept;

// A CIE or FDE entry of an in-memory .eh_frame section at `entry`, as find_program reads it; nothing outside
// [begin, end) is touched.
bool read_fde(const std::uint8_t* entry, const std::uint8_t* begin, const std::uint8_t* end,
              std::uintptr_t pc, FrameProgram& program) noexcept;

}  // namespace holdfast::record::cfi
