// One program with a case for each thing that is hard on an allocator hook: `hazards CASE`. Bare, under
// `holdfast run`, or with Holdfast linked in, over any allocator, it must say the same and end alike.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

namespace holdfast::hazards {

using Case = void (*)();
struct Registered {
  Registered(const char* name, Case run);
  const char* name;
  Case run;
  Registered* next;
};

// The case `name`, as a function body.
#define HAZARD(name)                                                              \
  static void hazard_##name();                                                    \
  static ::holdfast::hazards::Registered registered_##name(#name, hazard_##name); \
  static void hazard_##name()

[[noreturn]] inline void broken(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: not so: %s (errno: %s)\n", file, line, what, std::strerror(errno));
  _exit(3);
}
#define EXPECT(truth) ((truth) ? void() : ::holdfast::hazards::broken(__FILE__, __LINE__, #truth))

// Allocates and frees in every size and way, and looks at what it got. For use wherever one wonders whether
// malloc works.
void exercise_malloc();

// Ends the case unless the child ended by exit(code).
void expect_exit(pid_t child, int code);

// The folder of the program.
const char* own_folder();

}  // namespace holdfast::hazards
