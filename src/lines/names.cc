#include "lines/names.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace holdfast::lines {
namespace {

const char* text_of(Dwarf_Die& die, unsigned int attribute) {
  Dwarf_Attribute found;
  return dwarf_formstring(dwarf_attr_integrate(&die, attribute, &found));
}

std::string demangled(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                    std::free);
  return status == 0 && text ? std::string(text.get()) : std::string(mangled);
}

// The entry that stands where the source declares it: inlined copies and definitions out of their class point
// there.
Dwarf_Die declaration_of(Dwarf_Die die) {
  for (int step = 0; step < 8; ++step) {  // broken files may point in circles
    Dwarf_Attribute attribute;
    Dwarf_Die next;
    Dwarf_Attribute* link = dwarf_attr(&die, DW_AT_abstract_origin, &attribute);
    if (link == nullptr) link = dwarf_attr(&die, DW_AT_specification, &attribute);
    if (link == nullptr || dwarf_formref_die(link, &next) == nullptr) break;
    die = next;
  }
  return die;
}

bool takes_arguments(Dwarf_Die& function) {
  Dwarf_Die child;
  if (dwarf_child(&function, &child) != 0) return false;
  do {
    Dwarf_Attribute attribute;
    if (dwarf_tag(&child) == DW_TAG_formal_parameter &&
        dwarf_attr(&child, DW_AT_artificial, &attribute) == nullptr)
      return true;
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

std::string with_arguments(Dwarf_Die& function, const char* name) {
  std::string text = name;
  if (text != "main") text += takes_arguments(function) ? "(...)" : "()";
  return text;
}

// One step of the way from the unit down to a function; empty for what names leave out.
std::string scope_name(Dwarf_Die& scope) {
  const char* name = dwarf_diename(&scope);
  switch (dwarf_tag(&scope)) {
    case DW_TAG_namespace:
      return name == nullptr ? "(anonymous namespace)" : name;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
      return name == nullptr ? "{unnamed}" : name;
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
      return name == nullptr ? std::string() : with_arguments(scope, name);
    default:
      return {};
  }
}

bool is_cxx(Dwarf_Die& die) {
  Dwarf_Die unit;
  if (dwarf_diecu(&die, &unit, nullptr, nullptr) == nullptr) return false;
  switch (dwarf_srclang(&unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
      return true;
    default:
      return false;
  }
}

}  // namespace

Name name_of(Dwarf_Die function) {
  const char* mangled = text_of(function, DW_AT_linkage_name);
  if (mangled == nullptr) mangled = text_of(function, DW_AT_MIPS_linkage_name);
  if (mangled != nullptr) return {demangled(mangled), mangled};
  Dwarf_Die declared = declaration_of(function);
  const char* name = dwarf_diename(&declared);
  if (name == nullptr) return {};
  if (!is_cxx(declared)) return {name, {}};
  std::string qualified = with_arguments(declared, name);
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&declared, &scopes);  // [0] is the function itself
  for (int i = 1; i < count; ++i) {
    std::string scope = scope_name(scopes[i]);
    // The type of a closure has no name with g++; its body and its constructors are known by theirs.
    const std::string_view called(name);
    if (i == 1 && scope == "{unnamed}" && (called == "operator()" || called.starts_with("<lambda")))
      scope = "<lambda>";
    if (!scope.empty()) qualified = scope + "::" + qualified;
  }
  std::free(scopes);
  return {qualified, {}};
}

}  // namespace holdfast::lines
