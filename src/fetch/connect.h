// A connected socket, or one clear sentence why not. Called by the HTTP client here; blocks, any thread.
#pragma once

#include <holdfast/result.h>

#include <chrono>

#include "fetch/source.h"

namespace holdfast::fetch {

// Connects to the host and port, or the Unix socket, of `source`; tries every address of the host within
// `timeout` each. Returns a blocking, close-on-exec socket that the caller closes.
Result<int> connect_to(const Source& source, std::chrono::milliseconds timeout);

}  // namespace holdfast::fetch
