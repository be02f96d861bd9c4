#include "explain.h"

#include "hook/allocator_use.h"
#include "hook/dl.h"
#include "hook/real.h"
#include "hook/slow_path.h"
#include "record/recorder.h"
#include "snapshot/freeze.h"
#include "snapshot/to_profile.h"

namespace holdfast {
namespace {

// dlclose is about to unmap code that live samples may point into.
snapshot::ModuleCache* g_modules = nullptr;

void before_unload() {
  const record::QuietScope quiet;
  g_modules->before_unmap();
}

Result<snapshot::Frozen> freeze_now() {
  const record::AllocatorQuestions questions = hook::allocator_questions();
  return snapshot::freeze(record::g_recorder, {hook::name(hook::behind()), &questions, hook::how_seen()});
}

}  // namespace

Explainer& Explainer::instance() {
  static auto* const explainer = new Explainer();
  return *explainer;
}

Explainer::Explainer() {
  g_modules = &modules_;
  hook::on_unload(before_unload);
}

Result<MemoryNow> Explainer::memory() {
  const record::QuietScope quiet;
  Result<snapshot::Frozen> frozen = freeze_now();
  if (!frozen) return frozen.error();
  if (!frozen->history.memory) {
    return Error{"the kernel does not tell how much memory is resident", "is /proc mounted?"};
  }
  MemoryNow now{std::move(*frozen->history.memory), 0, 0, frozen->interval_bytes, frozen->time_nanos};
  for (const snapshot::FrozenSite& site : frozen->sites) {
    now.in_use_bytes += site.inuse_bytes;
    for (const profile::Cohort& c : site.history.live) now.in_use_variance += c.variance;
  }
  return now;
}

Result<profile::Profile> Explainer::heap(const std::string& default_type) {
  const record::QuietScope quiet;
  Result<snapshot::Frozen> frozen = freeze_now();
  if (!frozen) return frozen.error();
  return snapshot::to_profile(*frozen, symbolizer_, {}, default_type);
}

snapshot::Explanation Explainer::explain(const std::vector<std::uint64_t>& addresses) {
  const record::QuietScope quiet;
  return symbolizer_.explain(addresses);
}

std::vector<std::string> Explainer::names(const std::vector<std::uint64_t>& addresses) {
  const record::QuietScope quiet;
  std::vector<std::string> names;
  for (const snapshot::ExplainedAddress& a : symbolizer_.explain(addresses).addresses) {
    names.push_back(a.symbol->is_known ? a.symbol->name : std::string());
  }
  return names;
}

}  // namespace holdfast
