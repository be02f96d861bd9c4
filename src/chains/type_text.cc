#include "chains/type_text.h"

#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

namespace holdfast::chains {
namespace {

constexpr std::size_t kLongestName = 64 * 1024;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The top-level parts of what stands between `<` at `open` and its match; `end` is one past the match.
std::vector<std::string_view> arguments(std::string_view text, std::size_t open, std::size_t& end) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = open + 1;
  for (std::size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    const bool is_arrow = c == '>' && i > 0 && text[i - 1] == '-';
    if ((c == '>' && !is_arrow) || c == ')' || c == ']' || c == '}') --depth;
    if ((depth == 1 && c == ',') || depth == 0) {
      std::string_view part = text.substr(start, i - start);
      while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
      while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
      parts.push_back(part);
      start = i + 1;
    }
    if (depth == 0) {
      end = i + 1;
      return parts;
    }
  }
  end = text.size();
  return parts;
}

bool is_default(std::string_view argument) {
  static constexpr std::array<std::string_view, 9> kDefaults = {"std::allocator<",
                                                                "std::less<",
                                                                "std::hash<",
                                                                "std::equal_to<",
                                                                "std::default_delete<",
                                                                "std::char_traits<",
                                                                "(__gnu_cxx::_Lock_policy)",
                                                                "std::__hash_value_type<",
                                                                "std::pmr::polymorphic_allocator<"};
  for (const std::string_view start : kDefaults) {
    if (argument.starts_with(start)) return true;
  }
  return false;
}

std::string shortened(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '<') {
      out += text[i++];
      continue;
    }
    std::size_t end = i;
    const std::vector<std::string_view> parts = arguments(text, i, end);
    out += '<';
    bool is_first = true;
    for (const std::string_view part : parts) {
      if (!is_first && is_default(part)) continue;
      if (!is_first) out += ", ";
      out += shortened(part);
      is_first = false;
    }
    out += '>';
    i = end;
  }
  return out;
}

std::string template_argument(std::string_view name, std::string_view of, std::size_t number) {
  for (std::size_t at = name.find(of); at != std::string_view::npos; at = name.find(of, at + 1)) {
    const std::size_t open = at + of.size();
    if (open >= name.size() || name[open] != '<') continue;
    std::size_t end = 0;
    const std::vector<std::string_view> parts = arguments(name, open, end);
    return number < parts.size() ? std::string(parts[number]) : std::string();
  }
  return {};
}

}  // namespace

std::string short_type(std::string_view type) {
  std::string text(type.substr(0, kLongestName));
  for (const std::string_view inline_namespace : {"__cxx11::", "__1::", "__debug::"})
    replace_all(text, inline_namespace, "");
  replace_all(text, " >", ">");
  replace_all(text, "std::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string");
  replace_all(text, "std::basic_string<char>", "std::string");
  return shortened(text);
}

std::string demangled(std::string_view mangled) {
  const std::string name(mangled.substr(0, kLongestName));
  if (name.empty()) return name;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? std::string(text.get()) : name;
}

std::string first_template_argument(std::string_view name, std::string_view of) {
  return template_argument(name, of, 0);
}
std::string second_template_argument(std::string_view name, std::string_view of) {
  return template_argument(name, of, 1);
}

}  // namespace holdfast::chains
