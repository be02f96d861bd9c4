// Notice of code that is about to be unmapped.
#pragma once

#include "base/shared.h"

namespace holdfast::hook {

// Calls `before` ahead of every dlclose, on the calling thread, which may allocate. nullptr ends it.
HOLDFAST_SHARED void on_unload(void (*before)()) noexcept;

}  // namespace holdfast::hook
