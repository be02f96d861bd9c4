#include "record/unwind_corpus.h"

#include <alloca.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstring>
#include <functional>
#include <stdexcept>

// UNWIND_CORPUS_VARIANT comes from the build, one for each set of flags.
namespace unwind_corpus::UNWIND_CORPUS_VARIANT {
namespace {

#define APART __attribute__((noinline))

template <typename T>
void keep(T& value) {
  __asm__ volatile("" : : "r"(&value) : "memory");
}

APART int plain(Leaf leaf, void* argument) {
  leaf(argument);
  int one = 1;
  keep(one);
  return one;
}

APART int sized_at_run_time(Leaf leaf, void* argument, std::size_t bytes) {
  char* room = static_cast<char*>(alloca(bytes));
  std::memset(room, 1, bytes);
  keep(*room);
  return plain(leaf, argument) + room[bytes - 1];
}

APART int with_alloca(Leaf leaf, void* argument) {
  return sized_at_run_time(leaf, argument, 24) + sized_at_run_time(leaf, argument, 4000);
}

template <std::size_t alignment>
APART int realigned(Leaf leaf, void* argument) {
  alignas(alignment) std::array<int, alignment> room{};
  keep(room);
  const int result = plain(leaf, argument);
  keep(room);
  return result + room[1];
}

APART int realigned_and_sized(Leaf leaf, void* argument) {
  alignas(64) std::array<int, 64> room{};
  volatile std::size_t bytes = 200;
  char* more = static_cast<char*>(alloca(bytes));
  keep(*more);
  keep(room);
  const int result = realigned<128>(leaf, argument);
  keep(room);
  return result + room[0];
}

APART int vectors(Leaf leaf, void* argument) {
  std::array<double, 64> values{};
  keep(values);
  for (double& value : values) value = value * 2.0 + 1.0;
  const int result = realigned<32>(leaf, argument);
  double total = 0;
  for (const double value : values) total += value;
  return result + static_cast<int>(total);
}

APART int large(Leaf leaf, void* argument) {
  std::array<char, 300000> room;
  room[0] = room[299999] = 1;
  keep(room);
  const int result = plain(leaf, argument);
  keep(room);
  return result;
}

// More live values than callee-saved registers, so that all of them are saved.
APART int busy(Leaf leaf, void* argument, int a, int b, int c, int d, int e, int f, int g) {
  const int before = a * b + c;
  leaf(argument);
  keep(a);
  return before + a * 3 + b * 5 + c * 7 + d * 11 + e * 13 + f * 17 + g;
}
APART int many_registers(Leaf leaf, void* argument) { return busy(leaf, argument, 1, 2, 3, 4, 5, 6, 7) + 1; }

APART int recursive(Leaf leaf, void* argument, int depth) {
  if (depth == 0) return plain(leaf, argument);
  int result = recursive(leaf, argument, depth - 1) + depth;
  keep(result);
  return result;
}
APART int recursion(Leaf leaf, void* argument) { return recursive(leaf, argument, 200); }

// Leaves early on one path: the rules are remembered and restored around the epilogue in its middle.
APART int early_exit(Leaf leaf, void* argument, int choice) {
  int values[4] = {choice, 2, 3, 4};
  keep(values);
  if (values[0] < 0) return values[1];
  leaf(argument);
  if (values[0] > 100) return values[2];
  leaf(argument);
  return values[3];
}
APART int shrink_wrapped(Leaf leaf, void* argument) {
  return early_exit(leaf, argument, 5) + early_exit(leaf, argument, 500) + early_exit(leaf, argument, -1);
}

APART int variadic_frame(Leaf leaf, void* argument, int count, ...) {
  va_list list;
  va_start(list, count);
  int total = plain(leaf, argument);
  for (int i = 0; i < count; ++i) total += va_arg(list, int);
  va_end(list);
  return total;
}
APART int variadic(Leaf leaf, void* argument) { return variadic_frame(leaf, argument, 3, 1, 2, 3); }

struct CapturesOnExit {
  Leaf leaf;
  void* argument;
  ~CapturesOnExit() { leaf(argument); }
};

APART void throws(Leaf leaf, void* argument, int depth) {
  CapturesOnExit guard{leaf, argument};
  if (depth == 0) throw std::runtime_error("in flight");
  throws(leaf, argument, depth - 1);
  keep(guard);
}

APART int exception_in_flight(Leaf leaf, void* argument) {
  try {
    throws(leaf, argument, 3);
  } catch (const std::runtime_error&) {
    return 1;
  }
  return 0;
}

APART int catch_block(Leaf leaf, void* argument) {
  const auto quiet = [](void*) {};
  try {
    throws(quiet, nullptr, 2);
  } catch (const std::exception& error) {
    return plain(leaf, argument) + static_cast<int>(std::strlen(error.what()));
  }
  return 0;
}

APART int through_library(Leaf leaf, void* argument) {
  std::array<int, 5> values{5, 3, 4, 1, 2};
  const std::function<bool(int, int)> less = [&](int a, int b) {
    leaf(argument);
    return a < b;
  };
  std::sort(values.begin(), values.end(), less);
  return values[0];
}

constexpr std::array all{
    Kind{"Plain", plain},
    Kind{"Alloca", with_alloca},
    Kind{"Realigned32", realigned<32>},
    Kind{"Realigned64", realigned<64>},
    Kind{"RealignedAndSized", realigned_and_sized},
    Kind{"Vectors", vectors},
    Kind{"Large", large},
    Kind{"ManyRegisters", many_registers},
    Kind{"Recursion", recursion},
    Kind{"ShrinkWrapped", shrink_wrapped},
    Kind{"Variadic", variadic},
    Kind{"ExceptionInFlight", exception_in_flight},
    Kind{"CatchBlock", catch_block},
    Kind{"ThroughLibrary", through_library},
};

}  // namespace

std::span<const Kind> kinds() { return all; }

}  // namespace unwind_corpus::UNWIND_CORPUS_VARIANT
