// One GET or POST over TCP, TLS or a Unix socket. Called by fetch(); blocks, any thread, allocates at most the
// answer.
#pragma once

#include <holdfast/result.h>

#include <string>

#include "fetch/fetch.h"
#include "fetch/source.h"

namespace holdfast::fetch {

// The body of a 200 answer from `source`, which is http, https or a Unix socket; redirects followed on the
// same server.
Result<std::string> http_get(const Source& source, const FetchOptions& options);

// The same for a POST without a body; redirects are not followed.
Result<std::string> http_post(const Source& source, const FetchOptions& options);

}  // namespace holdfast::fetch
