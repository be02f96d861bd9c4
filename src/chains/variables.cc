#include "chains/variables.h"

#include <dwarf.h>

#include <algorithm>
#include <cstdlib>

#include "chains/type_text.h"

namespace holdfast::chains {
namespace {

constexpr int kDeepest = 12;  // of members in members, and of scopes

// DW_AT_location that is one constant address, or one offset in thread-local storage.
bool constant_location(Dwarf_Die* die, std::uint64_t& address, bool& is_thread_local) {
  Dwarf_Attribute attribute;
  if (dwarf_attr(die, DW_AT_location, &attribute) == nullptr) return false;
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  if (dwarf_getlocation(&attribute, &operations, &count) != 0 || count == 0) return false;
  is_thread_local = count == 2 && (operations[1].atom == DW_OP_GNU_push_tls_address ||
                                   operations[1].atom == DW_OP_form_tls_address);
  if (count > 1 && !is_thread_local) return false;
  address = operations[0].number;
  const auto atom = operations[0].atom;
  if (atom == DW_OP_addr || (is_thread_local && (atom == DW_OP_const8u || atom == DW_OP_const4u)))
    return true;
  if (atom != DW_OP_addrx && atom != DW_OP_GNU_addr_index) return false;
  Dwarf_Attribute resolved;
  return dwarf_getlocation_attr(&attribute, operations, &resolved) == 0 &&
         dwarf_formaddr(&resolved, &address) == 0;
}

bool type_of(Dwarf_Die* die, Dwarf_Die* type) {
  Dwarf_Attribute attribute;
  return dwarf_attr_integrate(die, DW_AT_type, &attribute) != nullptr &&
         dwarf_formref_die(&attribute, type) != nullptr;
}

// Through typedefs and qualifiers.
bool bare_type(Dwarf_Die* die, Dwarf_Die* type) {
  if (!type_of(die, type)) return false;
  Dwarf_Die peeled;
  if (dwarf_peel_type(type, &peeled) == 0) *type = peeled;
  return true;
}

std::string scope_of(Dwarf_Die* die) {
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(die, &scopes);
  std::string text;
  for (int i = std::min(count, kDeepest) - 1; i > 0; --i) {
    const int tag = dwarf_tag(&scopes[i]);
    const char* name = dwarf_diename(&scopes[i]);
    const bool is_scope = tag == DW_TAG_namespace || tag == DW_TAG_structure_type ||
                          tag == DW_TAG_class_type || tag == DW_TAG_union_type;
    if (is_scope)
      text += std::string(name == nullptr ? (tag == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}")
                                          : name) +
              "::";
    if (tag == DW_TAG_subprogram) text += function_name(&scopes[i]) + "::";
  }
  if (count > 0) std::free(scopes);
  return text;
}

// A declaration's scope is where it was declared.
std::string variable_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  Dwarf_Die declared;
  if (dwarf_attr(die, DW_AT_specification, &attribute) != nullptr &&
      dwarf_formref_die(&attribute, &declared) != nullptr) {
    return variable_name(&declared);
  }
  const char* name = dwarf_diename(die);
  return scope_of(die) + (name == nullptr ? "{unnamed}" : name);
}

bool is_library_type(const std::string& type) {
  return type.starts_with("std::") || type.starts_with("__gnu_cxx::");
}

// Goes down into the member around `offset`, as far as the program's own types go.
void descend(Dwarf_Die type, std::uint64_t offset, Variable& variable) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    variable.type = short_type(type_name(&type));
    const int tag = dwarf_tag(&type);
    if (tag == DW_TAG_array_type) {
      Dwarf_Die element;
      Dwarf_Word size = 0;
      if (!bare_type(&type, &element) || dwarf_aggregate_size(&element, &size) != 0 || size == 0) return;
      variable.name += "[" + std::to_string(offset / size) + "]";
      offset %= size;
      type = element;
      continue;
    }
    if ((tag != DW_TAG_structure_type && tag != DW_TAG_class_type) || is_library_type(variable.type)) return;
    Dwarf_Die child;
    if (dwarf_child(&type, &child) != 0) return;
    bool is_found = false;
    do {
      const int member = dwarf_tag(&child);
      if (member != DW_TAG_member && member != DW_TAG_inheritance) continue;
      Dwarf_Attribute attribute;
      Dwarf_Word start = 0;
      if (dwarf_formudata(dwarf_attr(&child, DW_AT_data_member_location, &attribute), &start) != 0) continue;
      Dwarf_Die inner;
      Dwarf_Word size = 0;
      if (!bare_type(&child, &inner) || dwarf_aggregate_size(&inner, &size) != 0) continue;
      if (offset - start >= size) continue;
      if (member == DW_TAG_member) {
        const char* name = dwarf_diename(&child);
        if (name != nullptr) variable.name += std::string(".") + name;
      }
      // The name the source gives the type says more than what it stands for.
      Dwarf_Die declared;
      offset -= start;
      type = inner;
      is_found = true;
      if (type_of(&child, &declared)) variable.type = short_type(type_name(&declared));
      break;
    } while (dwarf_siblingof(&child, &child) == 0);
    if (!is_found) return;
  }
}

}  // namespace

std::string type_name(Dwarf_Die* die) {
  const char* name = dwarf_diename(die);
  if (name != nullptr) return scope_of(die) + name;
  Dwarf_Die inner;
  const bool has_inner = type_of(die, &inner);
  const std::string to = has_inner ? type_name(&inner) : "void";
  switch (dwarf_tag(die)) {
    case DW_TAG_pointer_type:
      return to + "*";
    case DW_TAG_reference_type:
      return to + "&";
    case DW_TAG_const_type:
      return "const " + to;
    case DW_TAG_array_type:
      return to + "[]";
    case DW_TAG_subroutine_type:
      return to + "()";
    default:
      return has_inner ? to : "{unnamed}";
  }
}

std::string function_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned int kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (const char* mangled = dwarf_formstring(dwarf_attr_integrate(die, kind, &attribute)))
      return demangled(mangled);
  }
  const char* name = dwarf_diename(die);
  if (name == nullptr) return "{unnamed}";
  // Functions of one translation unit have no linkage name.
  Dwarf_Die origin = *die;
  while (dwarf_attr(&origin, DW_AT_abstract_origin, &attribute) != nullptr) {
    if (dwarf_formref_die(&attribute, &origin) == nullptr) break;
  }
  if (dwarf_attr(&origin, DW_AT_specification, &attribute) != nullptr)
    (void)dwarf_formref_die(&attribute, &origin);
  return scope_of(&origin) + name;
}

Variables::Variables(Dwarf* dwarf) : dwarf_(dwarf) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (dwarf_get_units(dwarf_, unit, &unit, nullptr, nullptr, &die, nullptr) == 0) index(&die, 0);
  std::ranges::sort(known_, {}, &Known::address);
}

void Variables::index(Dwarf_Die* parent, int depth) {
  Dwarf_Die child;
  if (depth > kDeepest || dwarf_child(parent, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    Known known{0, 0, false};
    if (tag == DW_TAG_variable && constant_location(&child, known.address, known.is_thread_local)) {
      known.die = dwarf_dieoffset(&child);
      known_.push_back(known);
    } else if (tag == DW_TAG_namespace || tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block) {
      index(&child, depth + 1);
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

std::optional<Variable> Variables::at(std::uint64_t address, bool is_thread_local) const {
  auto after = std::ranges::upper_bound(known_, address, {}, &Known::address);
  while (after != known_.begin()) {
    const Known& known = *--after;
    if (known.is_thread_local != is_thread_local) continue;
    Dwarf_Die die;
    Dwarf_Die type;
    Dwarf_Word size = 0;
    if (dwarf_offdie(dwarf_, known.die, &die) == nullptr || !bare_type(&die, &type) ||
        dwarf_aggregate_size(&type, &size) != 0 || address - known.address >= size) {
      return std::nullopt;
    }
    Variable variable{variable_name(&die), {}};
    descend(type, address - known.address, variable);
    return variable;
  }
  return std::nullopt;
}

}  // namespace holdfast::chains
