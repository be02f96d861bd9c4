#include "serve/symbol_route.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace holdfast::serve {
namespace {

constexpr std::size_t kMaxAddresses = 100'000;
constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;

std::vector<std::uint64_t> parse_addresses(std::string_view list) {
  std::vector<std::uint64_t> addresses;
  while (!list.empty() && addresses.size() < kMaxAddresses) {
    const std::size_t end = list.find_first_of("+ \r\n");
    std::string_view one = list.substr(0, end);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
    if (one.starts_with("0x") || one.starts_with("0X")) one.remove_prefix(2);
    std::uint64_t address = 0;
    const auto [stop, error] = std::from_chars(one.data(), one.data() + one.size(), address, 16);
    if (error == std::errc() && stop == one.data() + one.size() && address != 0) addresses.push_back(address);
  }
  return addresses;
}

std::string hex(std::uint64_t value) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value, 16);
  return "0x" + std::string(digits, end);
}

}  // namespace

std::string symbol_answer(
    const Request& request,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names) {
  const bool is_post = request.method == "POST";
  std::string list = request.body;
  if (!is_post || list.empty()) {
    // The whole query is the list; decoded it is one name without a value, with spaces for '+'.
    for (const auto& [name, value] : request.query) list += name + "+";
  }
  const std::vector<std::uint64_t> addresses = parse_addresses(list);
  std::string answer = is_post ? "" : "num_symbols: 1\n";
  if (addresses.empty()) return answer;
  const std::vector<std::string> found = names(addresses);
  for (std::size_t i = 0; i < std::min(addresses.size(), found.size()) && answer.size() < kMaxAnswerBytes;
       ++i) {
    if (found[i].empty()) continue;
    std::string name = found[i];
    // A line end in a name would be taken for another address's line.
    std::ranges::replace_if(
        name, [](unsigned char c) { return c < ' '; }, '?');
    answer += hex(addresses[i]) + " " + name + "\n";
  }
  return answer;
}

}  // namespace holdfast::serve
