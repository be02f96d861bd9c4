// Asking a running program who holds a site's blocks: shared by `holders` and by the commands that show the
// top chain under a finding. Main thread; allocates and waits for the program's answer.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "diagnose/finding.h"
#include "fetch/fetch.h"

namespace holdfast::tool {

struct HeldOptions {
  unsigned examine = 1000;
  unsigned seconds = 60;
  std::string memory = "128MiB";
  std::vector<std::string> folders = {};  // where the program's files are
};

// `source` is the program's endpoint. Error when it cannot be asked, or has nothing of the site alive.
Result<diagnose::Holders> holders_of(const std::string& source, const diagnose::Site& site,
                                     const HeldOptions& options, const fetch::FetchOptions& fetch);

// The top chain under each leak, of at most kMostAsked; one that cannot be had becomes a note of the
// diagnosis. Does nothing when `source` is no server.
void add_holders(diagnose::Diagnosis& diagnosis, const std::string& source, const fetch::FetchOptions& fetch);

}  // namespace holdfast::tool
