// What a function's name means for a verdict: the name shown to people, the name two builds agree on, and
// whether the function is part of the program or plumbing (allocator, standard library, thread start) between
// it and the heap. Called by site.cc once per function of a profile; any thread; allocates the strings it
// returns; never throws on names from outside, however odd.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::diagnose {

struct Symbol {
  std::string shown;  // "make_handler(...)::{lambda}": arguments and template arguments shortened
  std::string
      normalised;  // "make_handler::{lambda}::operator()": equal for g++ and clang++, with or without clones
  bool is_plumbing = false;  // never the frame a site is named after
  bool is_invoker = false;   // standard library code that stands for the lambda it calls
};

// The symbol of one function of a profile. `name` is demangled or mangled, `module` the base name of its file
// ("libstdc++.so.6") or empty. A standard-library frame that calls a lambda (std::function's invoker) stands
// for that lambda, since compilers inline the body into it.
Symbol explain_symbol(std::string_view name, std::string_view module);

// True for files that hold only plumbing: libc, libstdc++, the allocators, Holdfast itself.
bool is_plumbing_module(std::string_view module);

// The last component of a path.
std::string_view base_name(std::string_view path);

}  // namespace holdfast::diagnose
