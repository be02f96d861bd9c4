#include "holders/ask.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "base/site_key.h"
#include "holders/dump.h"
#include "holders/query.h"
#include "holders/recorded_blocks.h"

namespace holdfast::holders {
namespace {

constexpr std::size_t kMaxSites = 1000;

std::atomic<bool> g_asking{false};

class Turn {
 public:
  Turn() : is_mine_(!g_asking.exchange(true)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (is_mine_) g_asking.store(false);
  }
  explicit operator bool() const { return is_mine_; }

 private:
  const bool is_mine_;
};

// Marks by site id.
std::vector<char> sites_asked(record::Recorder& recorder, std::vector<std::uint64_t> keys) {
  std::ranges::sort(keys);
  std::vector<char> asked(recorder.sites().size());
  for (std::uint32_t id = 1; id < asked.size(); ++id) {
    const record::Site* site = recorder.sites().at(id);
    if (site == nullptr) continue;
    asked[id] = std::ranges::binary_search(keys, base::site_key(site->stack, site->depth)) ? 1 : 0;
  }
  return asked;
}

template <typename Visit>
void each_asked(record::Recorder& recorder, const std::vector<char>& sites, Visit visit) {
  record::each_live_block(recorder, [&](const record::LiveBlock& block) {
    const std::uint32_t site = record::index(block.site);
    if (site < sites.size() && sites[site] != 0) visit(block);
  });
}

// Every n-th of the site's live blocks.
bool pick(record::Recorder& recorder, const std::vector<char>& sites, std::uint32_t examine, Asked& asked,
          base::RawVector<Block>& wanted) {
  each_asked(recorder, sites, [&](const record::LiveBlock& block) {
    ++asked.live_blocks;
    asked.live_bytes += block.size;
  });
  const std::uint64_t step =
      std::max<std::uint64_t>(1, (asked.live_blocks + examine - 1) / std::max(1u, examine));
  std::uint64_t seen = 0;
  bool complete = wanted.reserve(examine + 1);
  each_asked(recorder, sites, [&](const record::LiveBlock& block) {
    if (seen++ % step != 0 || wanted.size() >= examine) return;
    complete = wanted.push_back({block.start, block.size, record::index(block.site), true}) && complete;
  });
  asked.examined = wanted.size();
  return complete;
}

}  // namespace

const Error kBusy{"another search for holders is under way", "try again when it is done"};

Result<std::string> ask(
    record::Recorder& recorder, const Question& question,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names) {
  const Turn turn;
  if (!turn) return kBusy;
  const std::vector<char> sites = sites_asked(recorder, question.sites);
  if (std::ranges::find(sites, 1) == sites.end()) {
    return Error{"no such allocation site in this process",
                 "take the site's key from a profile of this very process"};
  }
  Asked asked;
  asked.is_exact = recorder.interval_bytes() == record::kExact;
  Query query;
  query.time_limit_ms = question.time_limit_ms;
  query.memory_limit = question.memory_limit;
  query.walks_glibc = question.is_glibc_behind;
  query.is_exact = asked.is_exact;
  RecordedBlocks blocks(recorder);
  const std::uint32_t examine = std::clamp(question.examine, 1u, kMaxChains);
  if (!pick(recorder, sites, examine, asked, query.wanted) || !blocks.refresh()) {
    return Error{"no memory for the search", "examine fewer blocks"};
  }
  if (query.wanted.size() == 0) {
    return Error{"no block of this site is alive now",
                 "look at its profile again: what it held may be freed"};
  }
  Result<std::unique_ptr<Findings>> found = search_holders(recorder, blocks, query);
  if (!found) return found.error();
  return write_dump(**found, asked, recorder.sites(), names);
}

Result<std::vector<std::uint64_t>> parse_site_keys(std::string_view text) {
  const Error wrong{"site must be one or more keys such as 0x1f2e3d, separated by commas",
                    "holdfast holders finds them itself"};
  std::vector<std::uint64_t> keys;
  while (!text.empty()) {
    std::string_view key = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), key.size() + 1));
    if (key.starts_with("0x")) key.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), value, 16);
    if (error != std::errc() || end != key.data() + key.size() || key.empty() || keys.size() == kMaxSites)
      return wrong;
    keys.push_back(value);
  }
  if (keys.empty()) return wrong;
  return keys;
}

}  // namespace holdfast::holders
