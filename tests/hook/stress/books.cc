// The checker: the recorder's books against the program's.
#include <holdfast/holdfast.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <thread>

#include "record/recorder.h"
#include "snapshot/freeze.h"
#include "stress.h"

namespace holdfast::stress {

namespace {

// Estimates of sampled sites are sums of doubles.
bool alike(double a, double b, bool exact) {
  return exact ? a == b : std::abs(a - b) <= 1e-6 * std::max({1.0, std::abs(a), std::abs(b)});
}

void check_site(const snapshot::FrozenSite& site, bool exact) {
  double objects = 0, bytes = 0;
  std::uint64_t samples = 0;
  for (const profile::Cohort& c : site.history.live) {
    objects += c.objects;
    bytes += c.bytes;
    samples += c.samples;
  }
  if (samples == site.history.alloc_samples - site.history.freed_samples &&
      alike(objects, site.inuse_objects, exact) && alike(bytes, site.inuse_bytes, exact)) {
    return;
  }
  std::ostringstream what;
  what << "a site with " << site.history.alloc_samples << " allocations and " << site.history.freed_samples
       << " frees has " << samples << " live blocks: " << objects << " objects, " << bytes
       << " bytes, in use by its sums " << site.inuse_objects << " and " << site.inuse_bytes;
  fail(what.str());
}

}  // namespace

void check_books(bool exact, Books books) {
  const record::QuietScope unseen;
  const Result<snapshot::Frozen> frozen = snapshot::freeze(record::g_recorder, {});
  if (!frozen) fail(frozen.error().what);
  g_done.snapshots.fetch_add(1, std::memory_order_relaxed);
  if (books == Books::moving) return;
  double objects = 0, bytes = 0;
  for (const snapshot::FrozenSite& site : frozen->sites) {
    check_site(site, exact);
    bool known = false;
    for (const std::uint64_t pc : site.stack) known = known || takes_blocks(pc);
    if (!known) continue;
    objects += site.inuse_objects;
    bytes += site.inuse_bytes;
  }
  if (!exact || books != Books::whole) return;
  const Live live = known_live();
  if (objects != static_cast<double>(live.objects) || bytes != static_cast<double>(live.bytes)) {
    std::ostringstream what;
    what << "the program holds " << live.objects << " blocks of " << live.bytes
         << " bytes, the recorder knows " << objects << " of " << bytes;
    fail(what.str());
  }
}

void take_snapshots(const Load& load) {
  while (!load.over()) {
    check_books(load.exact, Books::moving);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the pace of the snapshots
  }
}

void change_intervals(const Load& load) {
  static constexpr std::uint64_t kIntervals[] = {64 * 1024, 4096, 512 * 1024, 1000};
  for (std::size_t i = 0; !load.over(); ++i) {
    if (i % 8 == 7) record::g_recorder.stop();
    if (!record::g_recorder.start(kIntervals[i % 4], 64, record::g_recorder.large_tag() == 4096))
      fail("no restart");
    g_done.changes.fetch_add(1, std::memory_order_relaxed);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the pace of the changes
  }
}

}  // namespace holdfast::stress
