// From a code address to its FDE and CIE.
#include "record/unwind_cfi.h"

#include <dlfcn.h>

#include <cstddef>

#include "record/unwind_cursor.h"

#if defined(DLFO_STRUCT_HAS_EH_DBASE)
// Weak: a program built here may meet an older libc, whose self-test then picks another unwinder.
extern "C" __attribute__((weak)) int _dl_find_object(void*, struct dl_find_object*) noexcept;
#endif

namespace holdfast::record::cfi {
namespace {

using Bytes = const std::uint8_t*;

// An entry's body, between its length and its end.
struct Entry {
  Bytes body;
  Bytes end;
};

bool open_entry(Bytes at, Bytes begin, Bytes end, Entry& entry) noexcept {
  if (at < begin || at >= end) return false;
  ByteCursor cursor(at, end);
  std::uint64_t length = cursor.fixed<std::uint32_t>();
  if (length == 0xffffffffu) length = cursor.fixed<std::uint64_t>();
  if (!cursor.ok() || length == 0 || length > static_cast<std::uint64_t>(end - cursor.at())) return false;
  entry = {cursor.at(), cursor.at() + length};
  return true;
}

bool read_cie(Bytes at, Bytes begin, Bytes end, FrameProgram& program) noexcept {
  Entry entry{};
  if (!open_entry(at, begin, end, entry)) return false;
  ByteCursor cursor(entry.body, entry.end);
  if (cursor.fixed<std::uint32_t>() != 0) return false;
  const std::uint8_t version = cursor.byte();
  if (version != 1 && version != 3) return false;
  ByteCursor augmentation = cursor;
  while (cursor.byte() != 0) {
  }
  program.code_factor = cursor.uleb();
  program.data_factor = cursor.sleb();
  const std::uint64_t return_register = version == 1 ? cursor.byte() : cursor.uleb();
  if (!cursor.ok() || return_register != rip) return false;

  program.pointer_encoding = 0;
  program.fde_augmented = false;
  program.signal_frame = false;
  Bytes program_begin = cursor.at();
  for (bool first = true; const std::uint8_t letter = augmentation.byte(); first = false) {
    if (first != (letter == 'z')) return false;
    switch (letter) {
      case 'z': {
        program.fde_augmented = true;
        const std::uint64_t length = cursor.uleb();
        ByteCursor past = cursor;
        past.skip(length);
        if (!past.ok()) return false;
        program_begin = past.at();
        break;
      }
      case 'R':
        program.pointer_encoding = cursor.byte();
        break;
      case 'P':
        cursor.skip_pointer(cursor.byte());
        break;
      case 'L':
        cursor.byte();
        break;
      case 'S':
        program.signal_frame = true;
        break;
      default:
        return false;
    }
  }
  program.cie_begin = program_begin;
  program.cie_end = entry.end;
  return cursor.ok();
}

// The sorted table of .eh_frame_hdr: the entry that covers `pc` if one does, or nullptr.
Bytes search_header(Bytes header, Bytes end, std::uintptr_t pc) noexcept {
  constexpr std::uint8_t data_relative_sdata4 = 0x3b;
  ByteCursor cursor(header, end);
  const std::uint8_t version = cursor.byte();
  const std::uint8_t frame_encoding = cursor.byte();
  const std::uint8_t count_encoding = cursor.byte();
  const std::uint8_t table_encoding = cursor.byte();
  if (version != 1 || count_encoding == ByteCursor::omitted || table_encoding != data_relative_sdata4)
    return nullptr;
  const auto base = reinterpret_cast<std::uintptr_t>(header);
  if (frame_encoding != ByteCursor::omitted) cursor.skip_pointer(frame_encoding);
  const std::uint64_t count = cursor.pointer(count_encoding, base);
  constexpr std::size_t row_bytes = 8;
  if (!cursor.ok() || count == 0 || count > static_cast<std::uint64_t>(end - cursor.at()) / row_bytes)
    return nullptr;
  const Bytes table = cursor.at();
  const auto field = [table, end](std::uint64_t row, std::size_t offset) {
    return std::int64_t{ByteCursor(table + row * row_bytes + offset, end).fixed<std::int32_t>()};
  };
  const auto wanted = static_cast<std::int64_t>(pc - base);
  std::uint64_t low = 0, high = count;  // the last row at or below pc, if any, is in [low, high)
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (field(middle, 0) <= wanted ? low : high) = middle;
  }
  return field(low, 0) <= wanted ? header + field(low, 4) : nullptr;
}

}  // namespace

bool read_fde(const std::uint8_t* at, const std::uint8_t* begin, const std::uint8_t* end, std::uintptr_t pc,
              FrameProgram& program) noexcept {
  Entry entry{};
  if (!open_entry(at, begin, end, entry)) return false;
  ByteCursor cursor(entry.body, entry.end);
  const std::uint32_t back = cursor.fixed<std::uint32_t>();
  if (!cursor.ok() || back == 0 || back > static_cast<std::uint64_t>(entry.body - begin)) return false;
  if (!read_cie(entry.body - back, begin, end, program)) return false;
  program.function = cursor.pointer(program.pointer_encoding, 0);
  const std::uint64_t size = cursor.pointer(program.pointer_encoding & 0x0f, 0);
  if (!cursor.ok() || pc < program.function || pc - program.function >= size) return false;
  if (program.fde_augmented) cursor.skip(cursor.uleb());
  program.fde_begin = cursor.at();
  program.fde_end = entry.end;
  return cursor.ok();
}

bool find_program(std::uintptr_t pc, FrameProgram& program) noexcept {
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
  if (&_dl_find_object == nullptr) return false;
  struct dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &object) != 0 || object.dlfo_eh_frame == nullptr)
    return false;
  const auto header = static_cast<Bytes>(object.dlfo_eh_frame);
  // The mapping told may be that of the code alone, with the tables in a later segment. A linker's offsets
  // from the header are 32-bit, so that is how far its tables can reach.
  constexpr std::ptrdiff_t reach = std::ptrdiff_t{1} << 31;
  const Bytes begin = reinterpret_cast<std::uintptr_t>(header) > reach ? header - reach : Bytes{};
  const Bytes end = header + reach;
  const Bytes fde = search_header(header, end, pc);
  return fde != nullptr && read_fde(fde, begin, end, pc, program);
#else
  static_cast<void>(pc), static_cast<void>(program);
  return false;
#endif
}

bool is_stack_start(std::uintptr_t return_address) noexcept {
  FrameProgram program;
  return !find_program(return_address - 1, program) && find_program(return_address, program) &&
         program.function == return_address;
}

}  // namespace holdfast::record::cfi
