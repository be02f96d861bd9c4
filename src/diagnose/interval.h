// Intervals and tail probabilities behind a verdict, on Boost.Math's incomplete gamma and beta functions.
// Called by judge, compare and the reports; pure, any thread, allocation-free; arguments out of range give
// the nearest meaningful answer, never NaN.
#pragma once

namespace holdfast::diagnose {

struct Interval {
  double lower = 0;
  double upper = 0;
  bool operator==(const Interval&) const = default;
};

// 95 % interval of the mean of a weighted Poisson sum (Fay and Feuer 1997) of which `sum` = sum w and
// `sum_squares` = sum w^2 were seen. `next_weight` is the largest weight the next sample might have: the
// sampling interval R, or the largest seen; the samples' own mean weight is the least that is used. Same unit
// as `sum`. Blocks much larger than R of which none was seen yet are beyond any such interval.
Interval gamma_interval(double sum, double sum_squares, double next_weight);

// The same for an amount that exists (bytes in use), where only the sampling is random: `variance` = sum
// (1-p) w^2. At `interval_bytes` 1 (exact) the interval is the amount itself.
Interval sampling_interval(double sum, double variance, double interval_bytes);

// 95 % interval of gain - loss from the intervals of both (the square-root combination of Zou and Donner
// 2008).
Interval difference_interval(double gain, const Interval& gain_interval, double loss,
                             const Interval& loss_interval);

// P(Bin(n, q) <= d), for n up to 2^53; fast for any n.
double binomial_at_most(double d, double n, double q);

// P(Pois(mu) >= k).
double poisson_at_least(double k, double mu);

// Bytes a site must leak for at least 5 samples with 95 % probability at mean interval R: the floor below
// which a sampled profile says nothing.
constexpr double floor_bytes(double interval_bytes) { return 9.15 * interval_bytes; }

}  // namespace holdfast::diagnose
