// Types as people write them. Pure, any thread; allocates the text it returns.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::chains {

// "std::map<std::string, Handler>" for what compilers spell out with allocators, comparators, traits and
// inline namespaces.
std::string short_type(std::string_view type);

// `mangled` in plain C++; a type's name ("3Foo") as well as a function's ("_Z3foov"). Unchanged when it is
// neither.
std::string demangled(std::string_view mangled);

// The first template argument of `name`'s template `of`, "" when it has none: ("A<B<int>, C>", "A") ->
// "B<int>".
std::string first_template_argument(std::string_view name, std::string_view of);
// The second one.
std::string second_template_argument(std::string_view name, std::string_view of);

}  // namespace holdfast::chains
