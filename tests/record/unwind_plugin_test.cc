// Code that comes and goes: plugins, and the loader itself on the stack.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "record/unwind_support.h"

namespace holdfast::record::testing {
namespace {

using Leaf = void (*)(void*);
using Entry = int (*)(Leaf, void*);

class Plugin {
 public:
  explicit Plugin(const char* path) : handle_(dlopen(path, RTLD_LAZY | RTLD_LOCAL)) {}
  ~Plugin() {
    if (handle_ != nullptr) dlclose(handle_);
    forget_unwind_rows();  // or the next plugin at this address would be unwound by this one's rows
  }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  Entry entry(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Entry>(dlsym(handle_, name));
  }

 private:
  void* handle_;
};

TEST(UnwindingPlugins, FollowsFramesOfALibraryOpenedLater) {
  const Plugin plugin(HOLDFAST_UNWIND_PLUGIN_1);
  const Entry call = plugin.entry("plugin_call");
  ASSERT_NE(call, nullptr) << dlerror();
  StackPair pair;
  call(capture_into, &pair);
  EXPECT_TRUE(agree(pair));
}

TEST(UnwindingPlugins, TellsTheNewFramesOnceTheOldRowsAreForgotten) {
  Entry first_place = nullptr;
  bool reused = false;
  for (int round = 0; round < 6; ++round) {
    const Plugin plugin(round % 2 == 0 ? HOLDFAST_UNWIND_PLUGIN_1 : HOLDFAST_UNWIND_PLUGIN_2);
    const Entry call = plugin.entry("plugin_call");
    ASSERT_NE(call, nullptr);
    reused = reused || (round % 2 == 1 && call == first_place);
    if (first_place == nullptr) first_place = call;
    StackPair pair;
    call(capture_into, &pair);
    ASSERT_TRUE(agree(pair)) << "round " << round;
  }
  if (!reused)
    GTEST_SKIP() << "the loader placed the plugins apart; their frames were told right all the same";
}

TEST(UnwindingPlugins, GoesThroughTheLoadersLazyBinder) {
  const Plugin plugin(HOLDFAST_UNWIND_PLUGIN_1);
  const Entry bind = plugin.entry("plugin_bind");
  ASSERT_NE(bind, nullptr);
  StackPair pair;
  EXPECT_EQ(bind(capture_into, &pair), 42);
  if (pair.reference.empty()) GTEST_SKIP() << "bound at load time (LD_BIND_NOW)";
  EXPECT_TRUE(agree(pair));
}

}  // namespace
}  // namespace holdfast::record::testing
