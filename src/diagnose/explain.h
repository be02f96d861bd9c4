// A finding's numbers in words: the facts, the reason, and what would change the verdict. Called by judge.cc
// last, when grade, reason and evidence stand; pure, allocates the text.
#pragma once

#include "diagnose/evidence.h"
#include "diagnose/finding.h"

namespace holdfast::diagnose {

// Fills `facts` and `explanation`.
void explain(Finding& finding, const Timeline& timeline, const Policy& policy, double interval_bytes);

// "12 ms", whatever the number.
std::string duration_text(double ns);
// "1,234", whatever the number.
std::string count_text(double count);

}  // namespace holdfast::diagnose
