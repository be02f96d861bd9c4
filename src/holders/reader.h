// Reads the program's memory, which may change or vanish at any moment, in one of three ways.
// Allocation-free, takes no lock; the direct way only inside a helper.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::holders {

// In the order in which they are tried.
enum class Way {
  helper,       // a process that shares the memory and survives its own faults
  vm_readv,     // process_vm_readv of ourselves
  memory_file,  // /proc/self/mem
  fork,         // a child with a copy of the memory; the program pays for each page it writes meanwhile
};
// "helper", "process_vm_readv", "/proc/self/mem", "fork".
const char* name(Way way) noexcept;

class Reader {
 public:
  // `memory_file` is an open /proc/self/mem, or -1.
  Reader(Way way, int memory_file) noexcept;

  // Copies up to n bytes; returns how many could be read before the first unreadable byte.
  std::size_t read(std::uintptr_t from, void* to, std::size_t n) const noexcept;
  // All of a value, or false.
  template <typename T>
  bool get(std::uintptr_t from, T& value) const noexcept {
    return read(from, &value, sizeof value) == sizeof value;
  }

  // Whether this way works at all: reads a word of our own.
  bool works() const noexcept;

 private:
  Way way_;
  int memory_file_;
  long process_;
};

}  // namespace holdfast::holders
