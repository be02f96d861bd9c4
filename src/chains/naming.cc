#include "chains/naming.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "chains/type_text.h"
#include "diagnose/symbol.h"

namespace holdfast::chains {
namespace {

std::string shown(const std::string& function) { return diagnose::explain_symbol(function, "").shown; }

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string offset_text(std::uint64_t offset) { return offset == 0 ? "" : "+" + std::to_string(offset); }

// The functor type in std::function's manager or invoker: std::_Function_handler<void (Req&),
// F>::_M_invoke(...).
std::string functor_of(const std::string& function) {
  return second_template_argument(function, "std::_Function_handler");
}

// A template's own words for what its class holds.
std::string class_in_words(const std::string& type) {
  for (const std::string_view in_place : {"std::_Sp_counted_ptr_inplace", "std::__shared_ptr_emplace"}) {
    if (const std::string held = first_template_argument(type, in_place);
        !held.empty() && type.starts_with("std::")) {
      return "make_shared<" + held + ">";
    }
  }
  for (const std::string_view counted :
       {"std::_Sp_counted_ptr", "std::_Sp_counted_deleter", "std::__shared_ptr_pointer"}) {
    if (std::string held = first_template_argument(type, counted); !held.empty()) {
      while (!held.empty() && held.back() == '*') held.pop_back();
      return "shared_ptr<" + held + "> control block";
    }
  }
  if (const std::string functor = first_template_argument(type, "std::__function::__func");
      !functor.empty()) {
    return "closure " + shown(functor);
  }
  return type;
}

struct Container {
  std::string_view mark;  // in the name of a type, or of a function that allocates for it
  std::string_view word;
};
// The first that matches counts.
constexpr std::array kContainers = {
    Container{"_Hash_node_base*", "std::unordered_map buckets"},
    Container{"_M_allocate_buckets", "std::unordered_map buckets"},
    Container{"_M_rehash", "std::unordered_map buckets"},
    Container{"_Hash_node", "std::unordered_map node"},
    Container{"_Hashtable", "std::unordered_map node"},
    Container{"__hash_node", "std::unordered_map node"},
    Container{"__hash_table", "std::unordered_map node"},
    Container{"_Rb_tree", "std::map node"},
    Container{"std::__tree", "std::map node"},
    Container{"std::map::", "std::map node"},
    Container{"std::set::", "std::map node"},
    Container{"_List_node", "std::list node"},
    Container{"__list_node", "std::list node"},
    Container{"std::list::", "std::list node"},
    Container{"_Fwd_list", "std::forward_list node"},
    Container{"std::forward_list::", "std::forward_list node"},
    Container{"_Deque_base", "std::deque chunk"},
    Container{"std::deque::", "std::deque chunk"},
    Container{"std::vector::", "std::vector buffer"},
    Container{"_Vector_base", "std::vector buffer"},
    Container{"__split_buffer", "std::vector buffer"},
    Container{"std::basic_string::", "std::string buffer"},
    Container{"std::string::", "std::string buffer"},
    Container{"std::any::", "std::any value"},
};

// The type that an allocator's function allocates, without its arguments; else the function without its own.
std::string allocated_for(const std::string& function) {
  const std::string name = short_type(function);
  const std::string own = diagnose::explain_symbol(function, "").normalised;
  if (!contains(own, "allocator")) return own;
  for (const std::string_view allocator : {"std::__new_allocator", "__gnu_cxx::new_allocator", "std::allocator"}) {
    const std::string type = first_template_argument(name, allocator);
    if (type.empty()) continue;
    const std::string bare = type.substr(0, type.find('<'));
    return type.ends_with('*') ? bare + "*" : bare;
  }
  return own;
}

// Arguments and template arguments may name allocators too: only the function's own name counts.
bool is_allocation(const std::string& function) {
  const std::string own = diagnose::explain_symbol(function, "").normalised;
  return contains(own, "allocator") || contains(own, "allocate") || contains(own, "operator new");
}

}  // namespace

std::string Naming::root(const Root& root) const {
  if (root.kind == "global") return global(root);
  if (root.kind == "thread_local") return thread_local_variable(root);
  if (root.kind == "stack") return stack(root);
  return "memory of no module, stack or known block";
}

std::string Naming::global(const Root& root) const {
  if (const auto variable = program_.variable(root.at)) {
    return "global `" + variable->name + (variable->type.empty() ? "" : " : " + variable->type) + "`";
  }
  if (const auto symbol = program_.symbol(root.at))
    return "global `" + symbol->name + offset_text(symbol->offset) + "`";
  return "global " + program_.place(root.at);
}

std::string Naming::thread_local_variable(const Root& root) const {
  const Thread unknown;
  const Thread& thread = root.thread ? dump_.threads[*root.thread] : unknown;
  const std::string of = " of thread " + thread.name;
  for (const TlsBlock& tls : dump_.tls) {
    const std::uint64_t start = thread.control_block - tls.offset;
    if (root.at - start >= tls.size) continue;
    const std::uint64_t offset = root.at - start;
    if (const auto variable = program_.thread_local_variable(tls.bias, offset)) {
      return "thread_local `" + variable->name + (variable->type.empty() ? "" : " : " + variable->type) +
             "`" + of;
    }
    if (const auto symbol = program_.thread_local_symbol(tls.bias, offset)) {
      return "thread_local `" + symbol->name + offset_text(symbol->offset) + "`" + of;
    }
    const auto module = std::ranges::find(dump_.modules, tls.bias, &Module::bias);
    const std::string file =
        module == dump_.modules.end() ? "?" : std::filesystem::path(module->path).filename().string();
    return "thread_local at offset " + std::to_string(offset) + " of " + file + of;
  }
  return "thread-specific data (pthread_setspecific)" + of;
}

std::string Naming::stack(const Root& root) const {
  std::string text = "stack of thread " + (root.thread ? dump_.threads[*root.thread].name : std::string("?"));
  std::vector<std::uint64_t> addresses = root.below;
  if (addresses.empty() && root.thread) addresses.push_back(dump_.threads[*root.thread].program_counter + 1);
  addresses.insert(addresses.end(), root.above.begin(), root.above.end());
  std::string fallback;
  for (const std::uint64_t address : addresses) {
    const auto function = program_.symbol(address - 1);
    if (!function) continue;
    const Module* module = program_.module_at(address);
    const std::string file = std::filesystem::path(module->path).filename().string();
    const diagnose::Symbol symbol = diagnose::explain_symbol(function->name, file);
    if (!symbol.is_plumbing) return text + " in " + symbol.shown;
    if (fallback.empty()) fallback = " in " + symbol.shown;
  }
  return text + fallback;
}

std::string Naming::block(const Link& link, bool is_last) const {
  for (const auto name : {&Naming::class_name, &Naming::closure, &Naming::coroutine, &Naming::container}) {
    if (std::string found = (this->*name)(link); !found.empty()) return found;
  }
  if (is_last) return "buffer";
  const std::string shape = by_shape(link);
  return shape.empty() ? "block" : shape;
}

std::string Naming::class_name(const Link& link) const {
  if (!link.type.empty()) return class_in_words(short_type(demangled(link.type)));
  if (link.words.empty()) return {};
  const auto symbol = program_.symbol(link.words[0]);
  constexpr std::string_view kVtable = "vtable for ";
  if (!symbol || !symbol->name.starts_with(kVtable) || symbol->offset != 16) return {};
  return class_in_words(short_type(std::string_view(symbol->name).substr(kVtable.size())));
}

// libstdc++'s std::function: two words of functor, then manager and invoker.
std::string Naming::closure(const Link& link) const {
  if (link.around.size() < 4 || link.offset != 0) return {};
  const auto manager = program_.symbol(link.around[2]);
  const auto invoker = program_.symbol(link.around[3]);
  if (!manager || !invoker || manager->offset != 0 || invoker->offset != 0) return {};
  if (!contains(manager->name, "_M_manager") || !contains(invoker->name, "_M_invoke")) return {};
  std::string functor = functor_of(invoker->name);
  if (functor.empty()) functor = functor_of(manager->name);
  return functor.empty() ? "closure" : "closure " + shown(functor);
}

std::string Naming::coroutine(const Link& link) const {
  if (link.words.size() < 2) return {};
  const auto resume = program_.symbol(link.words[0]);
  const auto destroy = program_.symbol(link.words[1]);
  if (!resume || !destroy || resume->offset != 0 || destroy->offset != 0) return {};
  const std::string& name = resume->name;
  for (const std::string_view mark : {" [clone .actor", " [clone .resume", ".actor", ".resume"}) {
    const std::size_t at = name.find(mark);
    if (at == std::string::npos) continue;
    // g++ gives it one argument: "fetch(fetch(int)::_Z5fetchi.Frame*)".
    const std::string function = name.substr(0, at);
    return "coroutine frame " + shown(function);
  }
  return {};
}

const std::vector<SourceFrame>& Naming::frames(std::size_t site) const {
  const auto [at, is_new] = frames_.try_emplace(site);
  if (!is_new) return at->second;
  for (const Frame& frame : dump_.sites[site]) {
    std::vector<SourceFrame> inlined = program_.frames(frame.address);
    if (!inlined.empty()) {
      at->second.insert(at->second.end(), inlined.begin(), inlined.end());
    } else if (const auto symbol = program_.symbol(frame.address - 1)) {
      at->second.push_back({symbol->name, {}, 0});
    } else {
      at->second.push_back({frame.name, {}, 0});
    }
  }
  return at->second;
}

// The innermost functions of the allocation, up to the first of the program's own.
std::string Naming::container(const Link& link) const {
  if (!link.site) return {};
  for (const SourceFrame& frame : frames(*link.site)) {
    const std::string own = diagnose::explain_symbol(frame.function, "").normalised;
    const bool is_library = own.starts_with("std::") || own.starts_with("__gnu_cxx::");
    if (!is_library && !is_allocation(frame.function)) return {};
    const std::string name = is_allocation(frame.function) ? allocated_for(frame.function) : own;
    for (const Container& container : kContainers) {
      if (contains(name, container.mark)) return std::string(container.word);
    }
  }
  return {};
}

// Without any name: a red-black tree's node begins with its colour, then parent, left, right.
std::string Naming::by_shape(const Link& link) const {
  const auto looks_like_pointer = [](std::uint64_t word) {
    return word % 8 == 0 && word > 4096 && word < (std::uint64_t{1} << 47);
  };
  if (link.size < 40 || link.words.size() < 4 || link.words[0] > 1 || !looks_like_pointer(link.words[1]))
    return {};
  const bool has_children = (link.words[2] == 0 || looks_like_pointer(link.words[2])) &&
                            (link.words[3] == 0 || looks_like_pointer(link.words[3]));
  return has_children ? "tree node" : "";
}

std::string Naming::allocated_in(const Link& link) const {
  if (!link.site) return {};
  for (const SourceFrame& frame : frames(*link.site)) {
    const diagnose::Symbol symbol = diagnose::explain_symbol(frame.function, "");
    if (symbol.is_plumbing || symbol.shown.empty() || is_allocation(frame.function)) continue;
    if (frame.line == 0) return symbol.shown;
    return symbol.shown + ", " + std::filesystem::path(frame.file).filename().string() + ":" +
           std::to_string(frame.line);
  }
  return {};
}

}  // namespace holdfast::chains
