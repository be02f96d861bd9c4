// Sizes and durations as people write and read them: "512KiB", "1.5GB", "15min"; "64.0 KiB", "2.5 h".
// Called by every room that talks to people, on any thread; pure functions that allocate only for the text
// they return.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::base {

// Bytes from a number and a unit: "4096", "512KiB", "64 MiB", "1.5GB". KiB, MiB, GiB, TiB and the bare
// letters k, M, G, T are powers of 1024; kB, MB, GB, TB are powers of 1000; case does not matter. A fraction
// is rounded to whole bytes. Error when it is no such text, is negative, or exceeds 2^63 - 1.
Result<std::uint64_t> parse_bytes(std::string_view text);

// A duration from numbers with units: "250ms", "10s", "15min", "1.5h", "1h30min", "7d"; also ns, us, m
// (minutes). A bare number is refused, as its unit would be a guess, except 0. Error when it is no such text,
// is negative, or exceeds about 292 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "0 B", "512 B", "64.0 KiB", "1.5 MiB", "-3.2 GiB": binary units, one decimal; whole bytes below 1 KiB
// (fractions keep one decimal, as rates need it).
std::string format_bytes(double bytes);

// format_bytes with a sign always, for growth: "+48.0 MiB".
std::string format_growth(double bytes);

// "0 s", "850 us", "12 ms", "7.5 min", "2.5 h", "3.0 d": the unit in which the number is at least 1, at most
// one decimal, none from 10 up.
std::string format_duration(std::chrono::nanoseconds duration);

// Bytes per hour, or per minute or second where an hour would make the number unreadable: "48.0 MiB/h", "1.2
// GiB/min". `bytes_per_second` may be negative.
std::string format_rate(double bytes_per_second);

// Counts with thousands apart: "1,234,567".
std::string format_count(std::int64_t count);

}  // namespace holdfast::base
