// DWARF expressions and the packed rows made of them.
#include "record/unwind_expression.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "record/unwind_cursor.h"
#include "record/unwind_rows.h"

#if defined(__x86_64__)
namespace holdfast::record::cfi {
namespace {

// An expression as it lies in a CFA program: its length, then its bytes.
struct Expression {
  explicit Expression(std::vector<std::uint8_t> code) : bytes(std::move(code)) {
    std::vector<std::uint8_t> length;
    for (std::size_t rest = bytes.size();;) {
      length.push_back(static_cast<std::uint8_t>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
      if ((rest >>= 7) == 0) break;
    }
    bytes.insert(bytes.begin(), length.begin(), length.end());
  }
  std::uintptr_t at() const { return reinterpret_cast<std::uintptr_t>(bytes.data()); }
  std::vector<std::uint8_t> bytes;
};

// What binutils writes for lazy PLT stubs: rsp + 8 + ((rip & 15) >= 11) * 8.
const Expression plt_stub({0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22});

struct Machine {
  RegisterFile registers{};
  ReadableWindow memory{reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0))};
  bool run(const Expression& expression, std::int64_t& value) {
    Term term;
    const bool ok = evaluate(expression.at(), nullptr, FullFrame{registers, memory}, term);
    value = term.constant;
    return ok;
  }
  std::int64_t value_of(std::vector<std::uint8_t> code) {
    std::int64_t value = 0;
    EXPECT_TRUE(run(Expression(std::move(code)), value));
    return value;
  }
  bool refuses(std::vector<std::uint8_t> code) {
    std::int64_t value = 0;
    return !run(Expression(std::move(code)), value);
  }
};

TEST(CfaExpressions, PlaceTheFrameOfAPltStubBeforeAndAfterItsPush) {
  for (std::uintptr_t low = 0; low < 16; ++low) {
    Machine machine;
    machine.registers.set(rip, 0x401020 + low);
    machine.registers.set(rsp, 5000);
    std::int64_t value = 0;
    ASSERT_TRUE(machine.run(plt_stub, value));
    EXPECT_EQ(value, low >= 11 ? 5016 : 5008);
    Term term;
    ASSERT_TRUE(evaluate(plt_stub.at(), nullptr, SymbolicFrame{0x401020 + low}, term));
    EXPECT_EQ(term.base, Term::Base::in_register);
    EXPECT_EQ(term.reg, rsp);
    EXPECT_EQ(term.constant, low >= 11 ? 16 : 8);
  }
}

TEST(CfaExpressions, ComputeWhatDwarfSays) {
  Machine machine;
  EXPECT_EQ(machine.value_of({0x31}), 1);                                      // lit1
  EXPECT_EQ(machine.value_of({0x09, 0xfe}), -2);                               // const1s
  EXPECT_EQ(machine.value_of({0x0b, 0x00, 0x80}), -32768);                     // const2s
  EXPECT_EQ(machine.value_of({0x11, 0x7f}), -1);                               // consts
  EXPECT_EQ(machine.value_of({0x10, 0xe5, 0x8e, 0x26}), 624485);               // constu
  EXPECT_EQ(machine.value_of({0x35, 0x33, 0x1c}), 2);                          // minus
  EXPECT_EQ(machine.value_of({0x09, 0xf9, 0x32, 0x1b}), -3);                   // div, signed
  EXPECT_EQ(machine.value_of({0x37, 0x33, 0x1d}), 1);                          // mod
  EXPECT_EQ(machine.value_of({0x37, 0x33, 0x1e}), 21);                         // mul
  EXPECT_EQ(machine.value_of({0x09, 0xff, 0x08, 0x3f, 0x26}), -1);             // shra keeps the sign
  EXPECT_EQ(machine.value_of({0x09, 0xff, 0x08, 0x3f, 0x25}), 1);              // shr does not
  EXPECT_EQ(machine.value_of({0x31, 0x32, 0x33, 0x17, 0x13, 0x22, 0x96}), 4);  // rot, drop, plus
  EXPECT_EQ(machine.value_of({0x35, 0x32, 0x16, 0x1c}), -3);                   // swap
  EXPECT_EQ(machine.value_of({0x35, 0x32, 0x14, 0x1c}), -3);                   // over: 2 - 5
  EXPECT_EQ(machine.value_of({0x34, 0x1f, 0x19}), 4);                          // neg, abs
  EXPECT_EQ(machine.value_of({0x30, 0x20}), -1);                               // not
  EXPECT_EQ(machine.value_of({0x31, 0x28, 0x02, 0x00, 0x08, 0x63, 0x39}), 9);  // bra over a const1u
  EXPECT_EQ(machine.value_of({0x2f, 0x01, 0x00, 0x31, 0x32}), 2);              // skip
  // Counts 5 down to 0: lit5, [lit1 minus dup lit0 ne bra -7].
  EXPECT_EQ(machine.value_of({0x35, 0x31, 0x1c, 0x12, 0x30, 0x2e, 0x28, 0xf8, 0xff}), 0);
}

TEST(CfaExpressions, RefuseWhatIsMalformedEndlessOrUnreadable) {
  Machine machine;
  EXPECT_TRUE(machine.refuses({}));                  // nothing left on the stack
  EXPECT_TRUE(machine.refuses({0x22}));              // plus without operands
  EXPECT_TRUE(machine.refuses({0x31, 0x30, 0x1b}));  // division by zero
  EXPECT_TRUE(machine.refuses({0x31, 0x30, 0x1d}));
  EXPECT_TRUE(machine.refuses({0x0e, 1, 2}));                         // cut short
  EXPECT_TRUE(machine.refuses({0x2f, 0xfd, 0xff}));                   // jumps to itself for ever
  EXPECT_TRUE(machine.refuses({0x2f, 0x00, 0x80}));                   // jumps before its beginning
  EXPECT_TRUE(machine.refuses({0x2f, 0x10, 0x00}));                   // jumps past its end
  EXPECT_TRUE(machine.refuses({0x31, 0x06}));                         // reads address 1
  EXPECT_TRUE(machine.refuses({0x73, 0x00}));                         // a register nobody knows
  EXPECT_TRUE(machine.refuses({0x90, 0x80, 0x01}));                   // a register that does not exist
  EXPECT_TRUE(machine.refuses({0xf0, 0x31}));                         // an unknown operation
  EXPECT_TRUE(machine.refuses(std::vector<std::uint8_t>(17, 0x31)));  // deeper than the machine
  EXPECT_FALSE(machine.refuses(std::vector<std::uint8_t>(16, 0x31)));
  std::int64_t smallest = 0;
  ASSERT_TRUE(machine.run(Expression({0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x09, 0xff, 0x1b}), smallest));
  EXPECT_EQ(smallest, INT64_MIN);  // the quotient that overflows wraps
}

TEST(CfaExpressions, SurviveRandomBytes) {
  std::mt19937 random(99);
  Machine machine;
  machine.registers.set(rsp, reinterpret_cast<std::uintptr_t>(&machine));
  machine.registers.set(rip, 0x1234);
  int understood = 0;
  for (int i = 0; i < 100000; ++i) {
    std::vector<std::uint8_t> code(random() % 24);
    for (auto& byte : code) byte = static_cast<std::uint8_t>(random());
    const Expression expression(std::move(code));
    std::int64_t value = 0;
    understood += machine.run(expression, value);
    Term term;
    evaluate(expression.at(), nullptr, SymbolicFrame{0x1234}, term);
  }
  EXPECT_GT(understood, 0);
}

TEST(CfaPrograms, SurviveRandomBytes) {
  std::mt19937 random(5);
  int understood = 0;
  for (int i = 0; i < 100000; ++i) {
    std::vector<std::uint8_t> code(1 + random() % 40);
    for (auto& byte : code) byte = static_cast<std::uint8_t>(random() % 4 == 0 ? random() % 0x30 : random());
    FrameProgram program;
    program.function = 0x1000;
    program.cie_begin = program.fde_begin = code.data();
    program.cie_end = program.fde_begin;
    program.fde_end = code.data() + code.size();
    program.data_factor = -8;
    program.pointer_encoding = 0x1b;
    FrameRules rules;
    understood += run_program(program, 0x1040, rules);
    FrameProgram found;
    read_fde(code.data(), code.data(), code.data() + code.size(), 0x1040, found);
  }
  EXPECT_GT(understood, 0);
}

TEST(CfaPrograms, RestoreWhatTheyRemembered) {
  // def_cfa rsp 8, offset rip 1; then: advance 4, remember, def_cfa_offset 16, offset rbp 2, advance 4,
  // restore_state.
  const std::vector<std::uint8_t> cie{0x0c, 7, 8, 0x90, 1};
  const std::vector<std::uint8_t> fde{0x44, 0x0a, 0x0e, 16, 0x86, 2, 0x44, 0x0b};
  FrameProgram program;
  program.function = 0x1000;
  program.cie_begin = cie.data();
  program.cie_end = cie.data() + cie.size();
  program.fde_begin = fde.data();
  program.fde_end = fde.data() + fde.size();
  program.data_factor = -8;
  FrameRules rules;
  ASSERT_TRUE(run_program(program, 0x1003, rules));
  EXPECT_EQ(rules.cfa_operand, 8);
  ASSERT_TRUE(run_program(program, 0x1004, rules));
  EXPECT_EQ(rules.cfa_operand, 16);
  EXPECT_EQ(rules.registers[rbp].rule(), Rule::offset);
  EXPECT_EQ(rules.registers[rbp].operand(), -16);
  const Row row = compress_rules(rules, 0x1004);
  EXPECT_EQ(row.kind(), Row::from_sp);
  EXPECT_EQ(row.cfa_offset(), 16);
  EXPECT_EQ(row.fp_rule(), Row::fp_at_cfa);
  EXPECT_EQ(row.fp_offset(), -16);
  ASSERT_TRUE(run_program(program, 0x1008, rules));
  EXPECT_EQ(rules.cfa_operand, 8);
  EXPECT_EQ(rules.registers[rbp].rule(), Rule::unspecified);
}

TEST(PackedRows, KeepTheirFieldsAndRefuseWhatDoesNotFit) {
  const Row row = Row::step(Row::from_memory, true, -8 * 8388608LL, -32768, Row::fp_at_fp, 8 * 32767);
  EXPECT_EQ(row.kind(), Row::from_memory);
  EXPECT_TRUE(row.memory_at_fp());
  EXPECT_EQ(row.cfa_offset(), -8 * 8388608LL);
  EXPECT_EQ(row.addend(), -32768);
  EXPECT_EQ(row.fp_rule(), Row::fp_at_fp);
  EXPECT_EQ(row.fp_offset(), 8 * 32767);
  EXPECT_EQ(Row::step(Row::from_sp, false, 12, 0, Row::fp_kept, 0).kind(), Row::all_registers);
  EXPECT_EQ(Row::step(Row::from_sp, false, 8 * 8388608LL, 0, Row::fp_kept, 0).kind(), Row::all_registers);
  EXPECT_EQ(Row::step(Row::from_sp, false, 8, 0, Row::fp_at_cfa, 8 * 32768).kind(), Row::all_registers);
}

TEST(TheTableOfRows, FindsWhatWasPublishedUntilItIsForgotten) {
  RowTable table;
  ASSERT_TRUE(table.open());
  const auto row_of = [](std::uintptr_t key) {
    return Row::step(Row::from_sp, false, static_cast<std::int64_t>(key % 1000) * 8, 0, Row::fp_kept, 0);
  };
  std::mt19937_64 random(3);
  std::vector<std::uintptr_t> keys(20000);
  for (auto& key : keys) {
    key = random() >> 17;
    table.publish(key, table.seal(), row_of(key));
  }
  std::size_t found = 0;
  for (const auto key : keys) {
    const Row row = table.find(key, table.seal());
    if (row.kind() == Row::none) continue;  // crowded out
    EXPECT_EQ(row.word(), row_of(key).word());
    ++found;
  }
  EXPECT_GT(found, keys.size() * 95 / 100);
  table.forget();
  for (const auto key : keys) ASSERT_EQ(table.find(key, table.seal()).kind(), Row::none);
}

}  // namespace
}  // namespace holdfast::record::cfi
#endif
