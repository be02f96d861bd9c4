// How each story is visited that holdfast_drive knows: which requests, with which bodies, and which answers
// count as right.
#pragma once

#include <vector>

#include "scenarios/common/driver.h"

namespace holdfast::scenarios {

std::vector<Visited> visitors();

}  // namespace holdfast::scenarios
