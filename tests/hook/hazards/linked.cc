// Opens a session in the program itself, before its cases and after the constructors of higher priority.
#include <holdfast/holdfast.h>

#include <cstdlib>
#include <string>

#include "hazard.h"

namespace {

[[gnu::constructor(2000)]] void open_session() {
  const char* mode = std::getenv("HAZARDS_MODE");
  if (mode == nullptr) return;
  auto session = holdfast::Session::open(
      {.listen = "127.0.0.1:0", .interval_bytes = 8 * 1024, .exact = std::string(mode) == "exact"});
  if (!session) {
    std::fprintf(stderr, "holdfast: %s\n", session.error().what.c_str());
    _exit(3);
  }
  static auto* const kept = new holdfast::Session(std::move(session).value());
  if (kept->address().empty()) _exit(3);
}

}  // namespace
