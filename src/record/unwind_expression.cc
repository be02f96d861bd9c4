#include "record/unwind_expression.h"

#include <limits>
#include <utility>

#include "record/unwind_cursor.h"

namespace holdfast::record::cfi {
namespace {

constexpr std::uint32_t stack_terms = 16;
constexpr std::uint32_t step_budget = 256;  // branches may go back; a loop must end
constexpr std::uint64_t longest_expression = 4096;

std::uint64_t bits(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }
std::int64_t number(std::uint64_t value) noexcept { return static_cast<std::int64_t>(value); }
std::int64_t sum(std::int64_t a, std::int64_t b) noexcept { return number(bits(a) + bits(b)); }

// The operators on two constants; false for a division by zero or an unknown operator.
bool combine(std::uint8_t opcode, std::int64_t a, std::int64_t b, std::int64_t& result) noexcept {
  const bool overflows = b == -1 && a == std::numeric_limits<std::int64_t>::min();
  switch (opcode) {
    case 0x1a:
      result = number(bits(a) & bits(b));
      return true;
    case 0x1b:
      result = b == 0 || overflows ? a : a / b;
      return b != 0;
    case 0x1c:
      result = number(bits(a) - bits(b));
      return true;
    case 0x1d:
      result = b == 0 ? 0 : number(bits(a) % bits(b));
      return b != 0;
    case 0x1e:
      result = number(bits(a) * bits(b));
      return true;
    case 0x21:
      result = number(bits(a) | bits(b));
      return true;
    case 0x22:
      result = sum(a, b);
      return true;
    case 0x24:
      result = bits(b) < 64 ? number(bits(a) << bits(b)) : 0;
      return true;
    case 0x25:
      result = bits(b) < 64 ? number(bits(a) >> bits(b)) : 0;
      return true;
    case 0x26:
      result = a >> (bits(b) < 63 ? b : 63);
      return true;
    case 0x27:
      result = number(bits(a) ^ bits(b));
      return true;
    case 0x29:
      result = a == b;
      return true;
    case 0x2a:
      result = a >= b;
      return true;
    case 0x2b:
      result = a > b;
      return true;
    case 0x2c:
      result = a <= b;
      return true;
    case 0x2d:
      result = a < b;
      return true;
    case 0x2e:
      result = a != b;
      return true;
    default:
      return false;
  }
}

template <typename Frame>
class Machine {
 public:
  explicit Machine(const Frame& frame) noexcept : frame_(frame) {}

  bool run(ByteCursor cursor, const Term* initial, Term& result) noexcept {
    const std::uint8_t* begin = cursor.at();
    if (initial != nullptr && !push(*initial)) return false;
    for (std::uint32_t steps = 0; cursor.more(); ++steps) {
      if (steps == step_budget || !step(cursor, begin)) return false;
    }
    return cursor.ok() && pop(result);
  }

 private:
  bool push(const Term& term) noexcept {
    if (size_ == stack_terms) return false;
    stack_[size_++] = term;
    return true;
  }
  bool push(std::int64_t constant) noexcept { return push(Term{.constant = constant}); }
  bool push_register(std::uint64_t reg, std::int64_t offset) noexcept {
    Term term;
    if (!frame_.reg(reg, term)) return false;
    term.constant = sum(term.constant, offset);
    return push(term);
  }
  bool pop(Term& term) noexcept {
    if (size_ == 0) return false;
    term = stack_[--size_];
    return true;
  }
  bool pop_constant(std::int64_t& value) noexcept {
    Term term;
    if (!pop(term) || term.base != Term::Base::none) return false;
    value = term.constant;
    return true;
  }
  bool pick(std::uint64_t depth) noexcept { return depth < size_ && push(Term{stack_[size_ - 1 - depth]}); }

  bool deref(std::uint32_t bytes) noexcept { return size_ != 0 && frame_.deref(stack_[size_ - 1], bytes); }

  bool unary(std::uint8_t opcode) noexcept {
    std::int64_t value = 0;
    if (!pop_constant(value)) return false;
    if (opcode == 0x20) return push(number(~bits(value)));
    const bool negate = opcode == 0x1f || value < 0;
    return push(negate ? number(std::uint64_t{0} - bits(value)) : value);
  }

  // Sums keep a symbol; all else needs constants on both sides.
  bool binary(std::uint8_t opcode) noexcept {
    constexpr std::uint8_t minus = 0x1c, plus = 0x22;
    Term b, a;
    if (!pop(b) || !pop(a)) return false;
    if (opcode == plus && a.base == Term::Base::none) std::swap(a, b);
    if (b.base != Term::Base::none) return false;
    if (opcode == plus || opcode == minus) {
      a.constant =
          number(opcode == plus ? bits(a.constant) + bits(b.constant) : bits(a.constant) - bits(b.constant));
      return push(a);
    }
    std::int64_t value = 0;
    return a.base == Term::Base::none && combine(opcode, a.constant, b.constant, value) && push(value);
  }

  bool branch(ByteCursor& cursor, const std::uint8_t* begin, bool conditional) noexcept {
    const std::int16_t distance = cursor.fixed<std::int16_t>();
    std::int64_t condition = 1;
    if (conditional && !pop_constant(condition)) return false;
    if (condition != 0) cursor.jump(distance, begin);
    return cursor.ok();
  }

  bool step(ByteCursor& cursor, const std::uint8_t* begin) noexcept {
    const std::uint8_t opcode = cursor.byte();
    if (opcode >= 0x30 && opcode <= 0x4f) return push(opcode - 0x30);                           // lit
    if (opcode >= 0x50 && opcode <= 0x6f) return push_register(opcode - 0x50u, 0);              // reg
    if (opcode >= 0x70 && opcode <= 0x8f) return push_register(opcode - 0x70u, cursor.sleb());  // breg
    switch (opcode) {
      case 0x03:
        return push(number(cursor.fixed<std::uint64_t>()));  // addr
      case 0x06:
        return deref(sizeof(std::uintptr_t));
      case 0x08:
        return push(cursor.byte());  // const1u and on
      case 0x09:
        return push(cursor.fixed<std::int8_t>());
      case 0x0a:
        return push(cursor.fixed<std::uint16_t>());
      case 0x0b:
        return push(cursor.fixed<std::int16_t>());
      case 0x0c:
        return push(cursor.fixed<std::uint32_t>());
      case 0x0d:
        return push(cursor.fixed<std::int32_t>());
      case 0x0e:
        return push(number(cursor.fixed<std::uint64_t>()));
      case 0x0f:
        return push(cursor.fixed<std::int64_t>());
      case 0x10:
        return push(number(cursor.uleb()));
      case 0x11:
        return push(cursor.sleb());
      case 0x12:
        return pick(0);  // dup
      case 0x13: {       // drop
        Term dropped;
        return pop(dropped);
      }
      case 0x14:
        return pick(1);  // over
      case 0x15:
        return pick(cursor.byte());
      case 0x16:  // swap
        if (size_ < 2) return false;
        std::swap(stack_[size_ - 1], stack_[size_ - 2]);
        return true;
      case 0x17:  // rot
        if (size_ < 3) return false;
        std::swap(stack_[size_ - 1], stack_[size_ - 2]);
        std::swap(stack_[size_ - 2], stack_[size_ - 3]);
        return true;
      case 0x19:
      case 0x1f:
      case 0x20:
        return unary(opcode);  // abs, neg, not
      case 0x23:
        return push(number(cursor.uleb())) && binary(0x22);  // plus_uconst
      case 0x28:
        return branch(cursor, begin, true);
      case 0x2f:
        return branch(cursor, begin, false);
      case 0x90:
        return push_register(cursor.uleb(), 0);  // regx
      case 0x92: {                               // bregx
        const std::uint64_t reg = cursor.uleb();
        return push_register(reg, cursor.sleb());
      }
      case 0x94:
        return deref(cursor.byte());  // deref_size
      case 0x96:
        return true;  // nop
      default:
        return binary(opcode);
    }
  }

  const Frame& frame_;
  std::uint32_t size_ = 0;
  std::array<Term, stack_terms> stack_;
};

template <typename Frame>
bool evaluate_in(std::uintptr_t expression, const Term* initial, const Frame& frame, Term& result) noexcept {
  const auto* at = reinterpret_cast<const std::uint8_t*>(expression);
  constexpr std::size_t longest_length = 10;
  ByteCursor head(at, at + longest_length);
  const std::uint64_t length = head.uleb();
  if (!head.ok() || length > longest_expression) return false;
  return Machine<Frame>(frame).run(ByteCursor(head.at(), head.at() + length), initial, result);
}

}  // namespace

bool FullFrame::reg(std::uint64_t which, Term& term) const noexcept {
  if (!registers.has(which)) return false;
  term = Term{.constant = number(registers.value[which])};
  return true;
}

bool FullFrame::deref(Term& term, std::uint32_t bytes) const noexcept {
  std::uintptr_t word = 0;
  if (bytes == 0 || bytes > sizeof word) return false;
  if (term.base != Term::Base::none || !memory.word(bits(term.constant), word)) return false;
  if (bytes < sizeof word) word &= (std::uint64_t{1} << (8 * bytes)) - 1;
  term.constant = number(word);
  return true;
}

bool SymbolicFrame::reg(std::uint64_t which, Term& term) const noexcept {
  if (which == rip) {
    term = Term{.constant = number(pc)};
    return true;
  }
  if (which != rsp && which != rbp) return false;
  term = Term{.base = Term::Base::in_register, .reg = static_cast<std::uint8_t>(which)};
  return true;
}

bool SymbolicFrame::deref(Term& term, std::uint32_t bytes) const noexcept {
  if (term.base != Term::Base::in_register || bytes != sizeof(std::uintptr_t)) return false;
  term = Term{.base = Term::Base::in_memory, .reg = term.reg, .inner = term.constant};
  return true;
}

bool evaluate(std::uintptr_t expression, const Term* initial, const FullFrame& frame, Term& result) noexcept {
  return evaluate_in(expression, initial, frame, result);
}

bool evaluate(std::uintptr_t expression, const Term* initial, const SymbolicFrame& frame,
              Term& result) noexcept {
  return evaluate_in(expression, initial, frame, result);
}

}  // namespace holdfast::record::cfi
