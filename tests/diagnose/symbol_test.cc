#include "diagnose/symbol.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::diagnose {
namespace {

std::string normalised(const std::string& name) { return explain_symbol(name, "server").normalised; }

// Each row: spellings of one function by g++, clang++, their demanglers and DWARF.
TEST(Symbol, HasOneNormalisedNameInEverySpelling) {
  const std::vector<std::vector<std::string>> table = {
      {"app::store", "app::store(int)", "app::store(std::__cxx11::basic_string<char> const&)",
       "_ZN3app5storeEi", "app::store(int) [clone .isra.0]",
       "app::store(int) [clone .constprop.0] [clone .cold]", "app::store(int) (.part.3)",
       "app::store[abi:cxx11](int)", "app::store(int) const", "app::store(int) &&"},
      {"parse_file", "parse_file.isra.0", "parse_file.constprop.1.cold", "parse_file.part.0",
       "parse_file.llvm.123456"},
      {"app::Cache::put", "void app::Cache<int, std::less<int> >::put<char>(char)",
       "app::Cache<std::string>::put(int)",
       "std::unique_ptr<app::X, std::default_delete<app::X> > app::Cache<int>::put(int)"},
      {"make::{lambda}::operator()", "app::make::{lambda}::operator()",
       "app::make(int)::{lambda(int)#1}::operator()(int) const",
       "app::make(int)::'lambda'(int)::operator()(int) const",
       "app::make(int)::'lambda0'(int)::operator()(int) const", "app::make(int)::$_0::operator()(int) const",
       "app::make(int)::{lambda(int)#1}::_FUN(int)", "app::make(int)::$_3::__invoke(int)",
       "app::make(int)::<lambda(int)>::operator()(int) const"},
      {"{anonymous}::helper", "(anonymous namespace)::helper(int)", "{anonymous}::helper(int)",
       "<unnamed>::helper(int)"},
      {"app::operator<<", "std::ostream& app::operator<<(std::ostream&, app::X const&)",
       "app::operator<< <int>(int)"},
      {"app::X::operator()", "app::X::operator()(int) const"},
      {"app::X::operator->", "app::X::operator->() const"},
      {"app::X::operator bool", "app::X::operator bool() const"},
  };
  for (const std::vector<std::string>& spellings : table) {
    for (const std::string& spelling : spellings) EXPECT_EQ(normalised(spelling), spellings[0]) << spelling;
  }
}

TEST(Symbol, OfAnInvokerStandsForTheLambdaThatWasInlinedIntoIt) {
  const std::string lambda = normalised("app::make(int)::{lambda(int)#1}::operator()(int) const");
  const std::string gcc =
      "std::_Function_handler<void (int), app::make(int)::{lambda(int)#1}>::_M_invoke(std::_Any_data const&, "
      "int&&)";
  const std::string clang =
      "std::_Function_handler<void (int), app::make(int)::$_0>::_M_invoke(std::_Any_data const&, int&&)";
  EXPECT_EQ(normalised(gcc), lambda);
  EXPECT_EQ(normalised(clang), lambda);
  EXPECT_EQ(explain_symbol(gcc, "server").shown, "app::make(...)::{lambda}");
  EXPECT_FALSE(explain_symbol(gcc, "server").is_plumbing);
  EXPECT_TRUE(
      explain_symbol(
          "std::_Function_handler<void (int), void (*)(int)>::_M_invoke(std::_Any_data const&, int&&)",
          "server")
          .is_plumbing);
}

TEST(Symbol, OfAllocatorsAndTheStandardLibraryIsPlumbing) {
  for (const char* name :
       {"operator new(unsigned long)", "operator new[](unsigned long, std::nothrow_t const&)", "malloc",
        "realloc", "strdup", "posix_memalign",
        "__gnu_cxx::new_allocator<int>::allocate(unsigned long, void const*)",
        "void std::vector<int>::_M_realloc_insert<int>(int&&)",
        "std::__cxx11::basic_string<char>::_M_create(unsigned long&, unsigned long)", "start_thread",
        "_start", "__libc_start_call_main"}) {
    EXPECT_TRUE(explain_symbol(name, "server").is_plumbing) << name;
  }
  for (const char* name :
       {"main", "app::malloc_pool(int)", "mallocate", "stdio_open", "app::std_like()", "tcp_accept"}) {
    EXPECT_FALSE(explain_symbol(name, "server").is_plumbing) << name;
  }
  EXPECT_TRUE(explain_symbol("getline", "/lib/x86_64-linux-gnu/libc.so.6").is_plumbing);
  EXPECT_TRUE(explain_symbol("anything", "libstdc++.so.6.0.30").is_plumbing);
  EXPECT_FALSE(explain_symbol("sqlite3_step", "libsqlite3.so.0").is_plumbing);
}

TEST(Symbol, IsShownShortened) {
  EXPECT_EQ(explain_symbol("app::store(std::string const&, int)", "").shown, "app::store(...)");
  EXPECT_EQ(explain_symbol("main", "").shown, "main");
  EXPECT_EQ(explain_symbol("app::tick()", "").shown, "app::tick()");
  EXPECT_EQ(explain_symbol("app::Cache<int, char>::put(int)", "").shown, "app::Cache<...>::put(...)");
}

TEST(Symbol, SurvivesNamesThatAreNone) {
  const std::string long_template(100'000, '<');
  for (const std::string& name :
       {std::string(), std::string("("), std::string("<<<<"), std::string("{lambda"), std::string("'lambda"),
        std::string("operator"), std::string("_Zfoo"), std::string(")))"), std::string("$_"),
        std::string(" "), std::string("\xff\xfe"), long_template}) {
    const Symbol symbol = explain_symbol(name, name);
    EXPECT_LE(symbol.normalised.size(), name.size() + 16);
  }
}

}  // namespace
}  // namespace holdfast::diagnose
