// The question as the endpoint hears it, answered: site keys in, a dump out. One at a time in a process.
// Quiet thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "record/recorder.h"

namespace holdfast::holders {

struct Question {
  std::vector<std::uint64_t> sites;  // keys (base/site_key.h) of stacks that count as one site
  std::uint32_t examine = 1000;      // live blocks looked at, spread evenly over all of the site's
  std::int64_t time_limit_ms = 60'000;
  std::size_t memory_limit = std::size_t{128} << 20;
  bool is_glibc_behind = false;            // the program's blocks come from glibc's malloc
};

// Error when a search is under way already (kBusy), no such site is known, none of its blocks is live, or the
// memory cannot be searched.
Result<std::string> ask(
    record::Recorder& recorder, const Question& question,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names);

extern const Error kBusy;

// "0x12ab,0x34cd" as keys. Error when it is no such list, or longer than 1,000.
Result<std::vector<std::uint64_t>> parse_site_keys(std::string_view text);

}  // namespace holdfast::holders
