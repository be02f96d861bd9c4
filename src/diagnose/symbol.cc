#include "diagnose/symbol.h"

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>

namespace holdfast::diagnose {
namespace {

enum class Style { shown, normalised };

// Longer names are cut before they are parsed: templates can reach megabytes, people cannot.
constexpr std::size_t kLongestName = 16 * 1024;

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string demangle(std::string_view name) {
  const std::string mangled(name.substr(0, kLongestName));
  if (!starts_with(mangled, "_Z")) return mangled;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), std::free);
  return status == 0 && text ? std::string(text.get()) : mangled;
}

// Cuts what the optimiser appended to a copy of a function: "foo.isra.0", "foo() [clone .cold]", "foo()
// (.part.1)".
void strip_clone_suffix(std::string& name) {
  for (const std::string_view mark : {" [clone ", " (.", " [with "})
    if (const auto at = name.find(mark); at != std::string::npos) name.resize(at);
  static constexpr std::array<std::string_view, 9> kSuffixes = {
      ".isra", ".constprop", ".part", ".cold", ".lto_priv", ".llvm.", ".localalias", ".clone", ".warm"};
  for (const std::string_view suffix : kSuffixes)
    if (const auto at = name.find(suffix); at != std::string::npos && at > 0) name.resize(at);
}

void strip_spelling_differences(std::string& name) {
  replace_all(name, "std::__cxx11::", "std::");
  replace_all(name, "std::__1::", "std::");
  replace_all(name, "(anonymous namespace)", "{anonymous}");
  replace_all(name, "<unnamed>", "{anonymous}");
  for (auto at = name.find("[abi:"); at != std::string::npos; at = name.find("[abi:", at)) {
    const auto end = name.find(']', at);
    name.erase(at, end == std::string::npos ? std::string::npos : end - at + 1);
  }
}

// One past the bracket that closes the one at `open`, or the end. `>` of `->` and of operators does not
// close.
std::size_t skip_brackets(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '<' || c == '[' || c == '{') ++depth;
    const bool arrow = c == '>' && i > 0 && text[i - 1] == '-';
    if ((c == ')' || c == '>' || c == ']' || c == '}') && !arrow && --depth == 0) return i + 1;
  }
  return text.size();
}

// Length of the operator symbol at the start of `text` (after the word `operator`), 0 when there is none.
std::size_t operator_length(std::string_view text) {
  static constexpr std::array<std::string_view, 18> kSymbols = {
      "()", "[]", "<=>", "<<=", ">>=",    "->*",       "<<",   ">>",      "<=",
      ">=", "->", "<",   ">",   " new[]", " delete[]", " new", " delete", " co_await"};
  for (const std::string_view symbol : kSymbols)
    if (starts_with(text, symbol)) return symbol.size();
  return 0;
}

// Length of a lambda's name at the start of `text` in any of the spellings compilers and demanglers have, 0
// otherwise: {lambda(int)#1}, 'lambda0', <lambda(int)>, $_0.
std::size_t lambda_length(std::string_view text) {
  if (starts_with(text, "{lambda") || starts_with(text, "<lambda")) return skip_brackets(text, 0);
  if (starts_with(text, "'lambda")) {
    const auto end = text.find('\'', 1);
    return end == std::string_view::npos ? text.size() : end + 1;
  }
  if (!starts_with(text, "$_")) return 0;
  std::size_t length = 2;
  while (length < text.size() && std::isdigit(static_cast<unsigned char>(text[length])) != 0) ++length;
  return length;
}

// Drops (or, for people, abbreviates) arguments and template arguments, and gives lambdas one name.
std::string without_arguments(std::string_view name, Style style) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const std::string_view rest = name.substr(i);
    const bool word_start = i == 0 || !is_name_char(name[i - 1]);
    if (const std::size_t length = lambda_length(rest); length > 0) {
      out += "{lambda}";
      i += length;
    } else if (word_start && starts_with(rest, "operator") && (rest.size() == 8 || !is_name_char(rest[8]))) {
      const std::size_t symbol = operator_length(rest.substr(8));
      out += rest.substr(0, 8 + symbol);
      i += 8 + symbol;
      // Free the template arguments of an operator from its symbol: "operator<< <int>".
      if (i + 1 < name.size() && name[i] == ' ' && name[i + 1] == '<') ++i;
    } else if (name[i] == '{') {
      const std::size_t end = skip_brackets(name, i);
      std::string_view braces = name.substr(i, end - i);
      if (const auto number = braces.find('#'); number != std::string_view::npos)
        braces = braces.substr(0, number);
      out += braces;
      if (out.back() != '}') out += '}';
      i = end;
    } else if (name[i] == '(' || name[i] == '<') {
      const std::size_t end = skip_brackets(name, i);
      if (style == Style::shown) out += name[i] == '<' ? "<...>" : (end - i > 2 ? "(...)" : "()");
      i = end;
    } else {
      out += name[i++];
    }
  }
  return out;
}

void strip_qualifiers(std::string& name) {
  for (const std::string_view word : {" const", " volatile", " &&", " &", " noexcept"}) {
    std::string inner(word);
    inner += "::";
    replace_all(name, inner, "::");
    while (name.size() > word.size() && name.compare(name.size() - word.size(), word.size(), word) == 0)
      name.resize(name.size() - word.size());
  }
}

// "void std::foo" -> "std::foo"; conversion operators and `operator new` keep their second word.
void strip_return_type(std::string& name) {
  while (!name.empty() && name.back() == ' ') name.pop_back();
  auto limit = name.find("operator");
  if (limit != std::string::npos && limit > 0 && is_name_char(name[limit - 1])) limit = std::string::npos;
  const auto space = name.rfind(' ', limit);
  if (space != std::string::npos && space + 1 < name.size()) name.erase(0, space + 1);
  while (!name.empty() && (name.front() == '*' || name.front() == '&')) name.erase(0, 1);
}

// "app::serve::{lambda}::operator()" -> "serve::{lambda}::operator()": in g++'s debug information a lambda's
// name starts at the function it is written in, in clang++'s at the outermost namespace.
void strip_scopes_of_lambda(std::string& name) {
  const auto lambda = name.find("::{lambda}");
  if (lambda == std::string::npos) return;
  const auto scope = name.rfind("::", lambda - 1);
  if (lambda > 0 && scope != std::string::npos) name.erase(0, scope + 2);
}

std::string simplified(std::string_view demangled, Style style) {
  std::string name = without_arguments(demangled, style);
  strip_qualifiers(name);
  strip_return_type(name);
  if (style == Style::shown) {
    for (const std::string_view call : {"::operator()(...)", "::operator()()", "::operator()"})
      replace_all(name, std::string("{lambda}").append(call), "{lambda}");
  } else {
    // What turns a lambda without captures into a function pointer: _FUN with g++, __invoke with clang++.
    replace_all(name, "{lambda}::_FUN", "{lambda}::operator()");
    replace_all(name, "{lambda}::__invoke", "{lambda}::operator()");
    strip_scopes_of_lambda(name);
  }
  return name.empty() ? std::string(demangled) : name;
}

// The lambda a standard-library invoker calls, as written among its template arguments; empty when there is
// none.
std::string_view called_lambda(std::string_view demangled, std::string_view normalised) {
  static constexpr std::array<std::string_view, 6> kInvokers = {
      "::_M_invoke", "::__invoke_impl", "::__invoke", "::__invoke_r", "::invoke", "::_M_run"};
  const bool invokes = std::any_of(kInvokers.begin(), kInvokers.end(), [&](std::string_view suffix) {
    return normalised.size() > suffix.size() &&
           normalised.substr(normalised.size() - suffix.size()) == suffix;
  });
  if (!invokes || !starts_with(normalised, "std::")) return {};
  std::size_t at = 0;
  while (at < demangled.size() && lambda_length(demangled.substr(at)) == 0) ++at;
  if (at == demangled.size()) return {};
  std::size_t begin = at;
  for (int depth = 0; begin > 0; --begin) {
    const char c = demangled[begin - 1];
    if (c == ')' || c == '>' || c == '}') ++depth;
    if (c == '(' || c == '<' || c == '{') {
      if (depth == 0) break;
      --depth;
    }
    if (c == ',' && depth == 0) break;
  }
  while (begin < at && demangled[begin] == ' ') ++begin;
  return demangled.substr(begin, at + lambda_length(demangled.substr(at)) - begin);
}

bool is_plumbing_name(std::string_view normalised) {
  static constexpr std::array<std::string_view, 13> kPrefixes = {"std::",
                                                                 "__gnu_cxx::",
                                                                 "operator new",
                                                                 "operator delete",
                                                                 "__libc_",
                                                                 "tc_",
                                                                 "tcmalloc::",
                                                                 "je_malloc",
                                                                 "_int_",
                                                                 "__cxa_",
                                                                 "__interceptor_",
                                                                 "holdfast::hook::",
                                                                 "holdfast::record::"};
  static constexpr std::array<std::string_view, 20> kNames = {
      "malloc", "calloc",  "realloc", "reallocarray", "memalign", "aligned_alloc", "posix_memalign",
      "valloc", "pvalloc", "strdup",  "strndup",      "__strdup", "asprintf",      "vasprintf",
      "_start", "clone",   "clone3",  "__clone",      "__clone3", "start_thread"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](auto prefix) { return starts_with(normalised, prefix); }) ||
         std::find(kNames.begin(), kNames.end(), normalised) != kNames.end();
}

}  // namespace

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_plumbing_module(std::string_view module) {
  static constexpr std::array<std::string_view, 12> kModules = {
      "libc.so",  "libc-",      "libstdc++.so", "libc++.so",   "libc++abi.so", "libgcc_s.so",
      "ld-linux", "libpthread", "libtcmalloc",  "libjemalloc", "libmimalloc",  "libholdfast"};
  return std::any_of(kModules.begin(), kModules.end(),
                     [&](auto prefix) { return starts_with(module, prefix); });
}

Symbol explain_symbol(std::string_view name, std::string_view module) {
  std::string full = demangle(name);
  strip_clone_suffix(full);
  strip_spelling_differences(full);
  Symbol symbol;
  symbol.normalised = simplified(full, Style::normalised);
  if (const std::string_view lambda = called_lambda(full, symbol.normalised); !lambda.empty()) {
    symbol.normalised = simplified(lambda, Style::normalised) + "::operator()";
    symbol.shown = simplified(lambda, Style::shown);
    symbol.is_invoker = true;
    return symbol;
  }
  symbol.shown = simplified(full, Style::shown);
  symbol.is_plumbing = is_plumbing_name(symbol.normalised) || is_plumbing_module(base_name(module));
  return symbol;
}

}  // namespace holdfast::diagnose
