// lost_pointer, a leak: a converter in the style of C returns early when its input is broken, and nobody has
// the pointer to its buffer any more.
#include <cctype>
#include <cstdlib>
#include <cstring>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kBufferBytes = 8 * 1024;

Held held;

// Upper case, to be freed by the caller; null when the input has anything but letters. The leaking site: the
// early return forgets the buffer.
[[gnu::noinline]] char* convert(const char* text) {
  char* buffer = static_cast<char*>(std::calloc(kBufferBytes, 1));
  if (buffer == nullptr) return nullptr;
  for (std::size_t i = 0; text[i] != '\0' && i + 1 < kBufferBytes; ++i) {
    if (std::isalpha(static_cast<unsigned char>(text[i])) == 0) {
      held.add(kBufferBytes);
      return nullptr;
    }
    buffer[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[i])));
  }
  return buffer;
}

void convert_body(const httplib::Request& request, httplib::Response& response) {
  char* converted = convert(request.body.c_str());
  if (converted == nullptr) {
    response.status = 400;
    return;
  }
  response.set_content(converted, std::strlen(converted), "text/plain");
  std::free(converted);
}

void add_routes(const Settings&, httplib::Server& server) { server.Post("/conversions", convert_body); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "An early return that drops the pointer to a buffer: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
