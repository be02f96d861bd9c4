// A library with an exported and a hidden function; the hidden one's address is told so that tests can ask
// for its name.
#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {
volatile int calls = 0;

__attribute__((noinline)) void hidden_work() { calls = calls + 1; }
}  // namespace

EXPORTED __attribute__((noinline)) void plugin_entry() {
  hidden_work();
  calls = calls + 1;
}

EXPORTED void* plugin_hidden_work() { return reinterpret_cast<void*>(&hidden_work); }
