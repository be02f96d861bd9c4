// How numbers and names look in the text reports. Pure, any thread; allocates the text it returns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "diagnose/finding.h"

namespace holdfast::reports {

// "48 MiB/h [33-66]": number and interval in one unit, so that the eye compares digits only. Without the
// brackets where the interval is the number itself. `per` is what follows the unit: "/h", or nothing.
std::string bytes_with_interval(const diagnose::Estimate& estimate, std::string_view per = {});

// The same with a sign always: "+48 MiB/h [33-66]".
std::string growth_with_interval(const diagnose::Estimate& estimate, std::string_view per = {});

// "1 leaking site", "2 leaking sites".
std::string plural(std::size_t n, std::string_view what);

// `text` padded on the left to `width`.
std::string cell(std::string_view text, std::size_t width);

// "requests" as in "per request".
std::string one_of(std::string_view work_unit);

// Names come from binaries and labels from programs: whatever could move a terminal's cursor becomes `?`.
std::string printable(std::string text);

}  // namespace holdfast::reports
