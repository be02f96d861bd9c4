// What a person is told when a request fails: one line, and the next step. Pure; any thread.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "fetch/source.h"

namespace httplib {
enum class Error;
}

namespace holdfast::fetch {

// A request that ended without a whole answer.
struct Failure {
  httplib::Error error;
  std::chrono::nanoseconds waited;
  std::chrono::nanoseconds allowed_silence;
  bool has_head;           // the status line had arrived
  std::size_t body_bytes;  // of the body so far
  long verify_result;      // X509_V_* of OpenSSL; X509_V_OK where only the host name did not match
};

Error transport_error(const Source& source, const Failure& failure);

// A status other than 200; quotes the first line of `body`, made printable.
Error status_error(const Source& source, int status, const std::string& body);

Error too_large_error(const Source& source, std::size_t limit);
Error too_slow_error(const Source& source, std::chrono::nanoseconds waited);

// A web page where a profile was expected.
Error page_error(const Source& source);

}  // namespace holdfast::fetch
