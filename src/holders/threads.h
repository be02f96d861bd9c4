// The threads of this process, their stack pointers and where their thread-local variables lie. From
// /proc/self/task and the recorder's own list; called on a quiet thread before a search; allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "record/recorder.h"

namespace holdfast::holders {

struct Thread {
  long id = 0;
  std::string name;
  std::uintptr_t stack_pointer = 0;    // 0 while it runs, or where the kernel does not tell
  std::uintptr_t program_counter = 0;  // likewise
  std::uintptr_t control_block =
      0;                // pthread_self(), above which glibc keeps its own data of the thread; 0 if unknown
  bool is_own = false;  // Holdfast's
};

// The calling thread is among them, as one of Holdfast's.
std::vector<Thread> list_threads(record::Recorder& recorder);

// Where a module keeps its thread-local variables, the same in every thread: this far below the control
// block.
struct StaticTls {
  std::uint64_t bias = 0;  // of the module
  std::size_t offset = 0;
  std::size_t size = 0;
};
std::vector<StaticTls> static_tls();

// Bytes of glibc's struct pthread that can hold the program's pointers: values of thread keys, the thread's
// result.
inline constexpr std::size_t kControlBlockBytes = 0x900;

}  // namespace holdfast::holders
