#include "serve/symbol_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "canned_sources.h"

namespace holdfast::serve {
namespace {

std::string post(const std::string& body) {
  Request request;
  request.method = "POST";
  request.body = body;
  return symbol_answer(request, holdfast::testing::canned_sources().names);
}

std::string get(std::multimap<std::string, std::string> query) {
  Request request;
  request.method = "GET";
  request.query = std::move(query);
  return symbol_answer(request, holdfast::testing::canned_sources().names);
}

constexpr char kLeak[] = "0x401234 shop::leaking_function(int)\n";

TEST(SymbolRoute, SaysThatThereAreSymbolsFirst) {
  EXPECT_EQ(get({}), "num_symbols: 1\n");
  EXPECT_EQ(get({{"0x401234", ""}}), std::string("num_symbols: 1\n") + kLeak);
  EXPECT_EQ(get({{"0x401234 0x402000", ""}}), std::string("num_symbols: 1\n") + kLeak + "0x402000 main\n");
}

TEST(SymbolRoute, NamesPostedAddressesInTheirOrder) {
  EXPECT_EQ(post("0x402000+0x401234"), std::string("0x402000 main\n") + kLeak);
}

TEST(SymbolRoute, TakesAddressesPaddedOrNotAndTheByteBefore) {
  EXPECT_EQ(post("0x0000000000401234"), kLeak);
  EXPECT_EQ(post("401234\n"), kLeak);
  EXPECT_EQ(post("0X401234\r\n"), kLeak);
  EXPECT_EQ(post("0x000000000000000000401234"), kLeak);
  EXPECT_EQ(post("0x401235"), "0x401235 shop::leaking_function(int)\n");
}

TEST(SymbolRoute, TakesAPostWithoutABodyByItsQuery) {
  Request request;
  request.method = "POST";
  request.query = {{"0x401234", ""}};
  EXPECT_EQ(symbol_answer(request, holdfast::testing::canned_sources().names), kLeak);
}

TEST(SymbolRoute, SkipsWhatIsNoAddressOrHasNoName) {
  for (const char* body :
       {"", "+", "++++", "0x", "x", "0", "0x0", "-1", "0xzz", "0x1ffffffffffffffff", "0x999"}) {
    EXPECT_EQ(post(body), "") << body;
  }
  EXPECT_EQ(post("nonsense+0x401234+%2B"), kLeak);
}

TEST(SymbolRoute, KeepsOneLinePerName) {
  Request request;
  request.method = "POST";
  request.body = "0x1";
  const auto names = [](const std::vector<std::uint64_t>&) { return std::vector<std::string>{"a\nb\tc"}; };
  EXPECT_EQ(symbol_answer(request, names), "0x1 a?b?c\n");
}

TEST(SymbolRoute, BoundsWhatItAnswers) {
  Request request;
  request.method = "POST";
  for (int i = 0; i < 200'000; ++i) request.body += "1+";
  std::size_t asked = 0;
  const auto names = [&](const std::vector<std::uint64_t>& addresses) {
    asked = addresses.size();
    return std::vector<std::string>(addresses.size(), std::string(1000, 'n'));
  };
  EXPECT_LT(symbol_answer(request, names).size(), std::size_t{5} << 20);
  EXPECT_EQ(asked, 100'000u);
}

}  // namespace
}  // namespace holdfast::serve
