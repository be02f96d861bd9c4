// Looks at a listening address before a program is started with it: inside, a wrong one could only be
// complained about while the program runs on unprofiled. Main thread; opens a socket for a moment.
#pragma once

#include <holdfast/result.h>

#include <string>

namespace holdfast::tool {

// "host:port" as it is, "unix:path" with the path made absolute. Error when it is neither, or when the port
// is taken.
Result<std::string> usable_listen_address(const std::string& address);

}  // namespace holdfast::tool
