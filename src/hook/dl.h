// Notice of code that is about to be unmapped.
#pragma once

namespace holdfast::hook {

// Calls `before` ahead of every dlclose, on the calling thread, which may allocate. nullptr ends it.
void on_unload(void (*before)()) noexcept;

}  // namespace holdfast::hook
