#include "diagnose/finding.h"

#include <algorithm>

namespace holdfast::diagnose {

const char* name(Grade grade) {
  switch (grade) {
    case Grade::leak:
      return "leak";
    case Grade::suspect:
      return "suspect";
    case Grade::growing_container:
      return "growing_container";
    case Grade::retained:
      return "retained";
    case Grade::turnover:
      return "turnover";
    case Grade::too_little_data:
      break;
  }
  return "too_little_data";
}

const char* title(Grade grade) {
  switch (grade) {
    case Grade::leak:
      return "LEAK";
    case Grade::suspect:
      return "SUSPECT";
    case Grade::growing_container:
      return "GROWING CONTAINER";
    case Grade::retained:
      return "RETAINED";
    case Grade::turnover:
      return "TURNOVER";
    case Grade::too_little_data:
      break;
  }
  return "TOO LITTLE DATA";
}

const char* name(Reason reason) {
  switch (reason) {
    case Reason::survives_and_grows:
      return "survives_and_grows";
    case Reason::container_doubles:
      return "container_doubles";
    case Reason::grew_without_ages:
      return "grew_without_ages";
    case Reason::within_bound:
      return "within_bound";
    case Reason::born_at_start:
      return "born_at_start";
    case Reason::fades:
      return "fades";
    case Reason::within_budget:
      return "within_budget";
    case Reason::objects_die:
      return "objects_die";
    case Reason::replaced:
      return "replaced";
    case Reason::not_resolved_yet:
      return "not_resolved_yet";
    case Reason::grows_every_half:
      return "grows_every_half";
    case Reason::not_confirmed:
      return "not_confirmed";
    case Reason::too_few_samples:
      break;
  }
  return "too_few_samples";
}

const char* name(BaselineState state) {
  switch (state) {
    case BaselineState::is_new:
      return "new";
    case BaselineState::worse:
      return "worse";
    case BaselineState::same:
      return "same";
    case BaselineState::none:
      break;
  }
  return "";
}

bool Finding::is_alarming() const {
  return grade <= Grade::growing_container && suppressed_by.empty() && baseline != BaselineState::same;
}

bool Diagnosis::has_leak() const {
  return std::ranges::any_of(findings,
                             [](const Finding& f) { return f.grade == Grade::leak && f.is_alarming(); });
}

bool Diagnosis::has_suspect() const {
  return std::ranges::any_of(
      findings, [](const Finding& f) { return f.grade != Grade::leak && f.is_alarming(); });
}

Outcome Diagnosis::outcome() const {
  if (has_leak() || std::ranges::any_of(bounds, &BoundCheck::is_exceeded)) return Outcome::leak;
  return inconclusive || has_suspect() ? Outcome::inconclusive : Outcome::clean;
}

}  // namespace holdfast::diagnose
