// Shortens the way from the hook to the real allocator: its calls through g_real become direct ones, once the
// targets are known. On CPUs where a predicted indirect jump costs 2 cycles more than a direct one that is
// most of what the hook adds to a malloc (docs/performance.md).
#pragma once

namespace holdfast::hook {

// Rewrites the hook's own code. Before main, on the only thread; otherwise, and where the kernel forbids code
// to be written, or the real allocator is farther away than a direct jump reaches (2 GiB: an embedding
// program rather than the preloaded library), all stays as it is and works as well. Returns how many calls
// were rewritten.
int make_calls_direct() noexcept;

}  // namespace holdfast::hook
