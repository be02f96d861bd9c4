#include "chains/type_text.h"

#include <gtest/gtest.h>

namespace holdfast::chains {
namespace {

TEST(ShortTypes, LeaveOutWhatNobodyWrites) {
  EXPECT_EQ(
      short_type(
          "std::map<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, "
          "std::function<void(httplib::Response&)>, std::less<std::__cxx11::basic_string<char, "
          "std::char_traits<char>, std::allocator<char> > >, std::allocator<std::pair<const int, int> > >"),
      "std::map<std::string, std::function<void(httplib::Response&)>>");
  EXPECT_EQ(short_type("std::unique_ptr<char [], std::default_delete<char []> >"),
            "std::unique_ptr<char []>");
  EXPECT_EQ(short_type("std::__1::vector<int, std::__1::allocator<int> >"), "std::vector<int>");
  EXPECT_EQ(short_type("Router"), "Router");
}

TEST(ShortTypes, SurviveWhatIsNoType) {
  EXPECT_EQ(short_type(""), "");
  for (const char* odd : {"<", ">", "a<b", "a<b<c>", "operator->", "((((", "a<b,"})
    EXPECT_NO_THROW((void)short_type(odd)) << odd;
}

TEST(TemplateArguments, AreCutAtTheTopLevel) {
  const char* invoker =
      "std::_Function_handler<void (httplib::Response&), (anonymous namespace)::make_handler(std::string "
      "const&)"
      "::{lambda(httplib::Response&)#1}>::_M_invoke(std::_Any_data const&, httplib::Response&)";
  EXPECT_EQ(second_template_argument(invoker, "std::_Function_handler"),
            "(anonymous namespace)::make_handler(std::string const&)::{lambda(httplib::Response&)#1}");
  EXPECT_EQ(first_template_argument("std::_Sp_counted_ptr_inplace<Session, std::allocator<void>, (L)2>",
                                    "std::_Sp_counted_ptr_inplace"),
            "Session");
  EXPECT_EQ(first_template_argument("int", "std::vector"), "");
  EXPECT_EQ(second_template_argument("std::vector<int>", "std::vector"), "");
}

TEST(Demangling, KnowsTypesAndFunctionsAndLeavesTheRest) {
  EXPECT_EQ(demangled("St23_Sp_counted_ptr_inplaceI7SessionSaIvELN9__gnu_cxx12_Lock_policyE2EE"),
            "std::_Sp_counted_ptr_inplace<Session, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>");
  EXPECT_EQ(demangled("_Z3foov"), "foo()");
  EXPECT_EQ(demangled("!"), "!");
  EXPECT_EQ(demangled(""), "");
}

}  // namespace
}  // namespace holdfast::chains
