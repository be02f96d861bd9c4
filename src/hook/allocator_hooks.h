// Where interposition cannot reach: an allocator that comes before us, preloaded ahead of Holdfast or linked
// statically into the program. gperftools and jemalloc then call us for each block, which costs more than
// interposition and can only record blocks, not place them: every sample is a large one.
#pragma once

#include "base/shared.h"
#include "hook/real.h"

namespace holdfast::hook {

// The address of a function of the program by its name, or nullptr.
using SymbolLookup = void* (*)(const char* name);

// Asks whichever allocator offers hooks to call us. Once, from ordinary code, where unseen_allocation() found
// that the program's own do not come by. False when there is none whose hooks can be reached.
HOLDFAST_SHARED bool install_allocator_hooks(SymbolLookup look_up) noexcept;

// The allocator whose hooks are installed; unknown when none are.
Allocator hooked_allocator() noexcept;
// The function that installed them, to tell which file it lies in; nullptr when none are.
const void* hook_installer() noexcept;

}  // namespace holdfast::hook
