#include "diagnose/finding.h"

#include <algorithm>

namespace holdfast::diagnose {

const char* name(Grade grade) {
  switch (grade) {
    case Grade::leak: return "leak";
    case Grade::suspect: return "suspect";
    case Grade::growing_container: return "growing_container";
    case Grade::retained: return "retained";
    case Grade::turnover: return "turnover";
    case Grade::unresolved: return "unresolved";
    case Grade::too_little_data: break;
  }
  return "too_little_data";
}

const char* title(Grade grade) {
  switch (grade) {
    case Grade::leak: return "LEAK";
    case Grade::suspect: return "SUSPECT";
    case Grade::growing_container: return "GROWING CONTAINER";
    case Grade::retained: return "RETAINED";
    case Grade::turnover: return "TURNOVER";
    case Grade::unresolved: return "NOT RESOLVED YET";
    case Grade::too_little_data: break;
  }
  return "TOO LITTLE DATA";
}

bool Diagnosis::has_leak() const {
  return std::ranges::any_of(findings, [](const Finding& f) { return f.grade == Grade::leak; });
}

}  // namespace holdfast::diagnose
