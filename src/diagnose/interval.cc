#include "diagnose/interval.h"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

namespace holdfast::diagnose {
namespace {

using boost::math::policies::domain_error;
using boost::math::policies::evaluation_error;
using boost::math::policies::ignore_error;
using boost::math::policies::overflow_error;
using boost::math::policies::pole_error;
using boost::math::policies::promote_double;

// Outside numbers reach these functions: nothing may throw.
using Quiet = boost::math::policies::policy<domain_error<ignore_error>, pole_error<ignore_error>,
                                            overflow_error<ignore_error>, evaluation_error<ignore_error>,
                                            promote_double<false>>;

constexpr double kTail = 0.025;
constexpr double kNormalTail = 1.959963984540054;

// Above this the normal limits are exact to far more digits than any verdict needs, and stay fast.
constexpr double kManyDegrees = 1e6;
constexpr double kManyTrials = 1e6;
constexpr double kMostTrials = 0x1p53;  // whole numbers end there

double normal_at_most(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

// Wilson and Hilferty's cube for many degrees of freedom, Boost below.
double chi_squared_quantile(double p, double degrees) {
  if (!(degrees > 0)) return 0;
  if (degrees > kManyDegrees) {
    const double z = p < 0.5 ? -kNormalTail : kNormalTail;
    const double spread = 2 / (9 * degrees);
    return degrees * std::pow(1 - spread + z * std::sqrt(spread), 3);
  }
  return quantile(boost::math::chi_squared_distribution<double, Quiet>(degrees), p);
}

double finite_or(double value, double otherwise) { return std::isfinite(value) ? value : otherwise; }

double non_negative(double value) { return std::isfinite(value) && value > 0 ? value : 0; }

Interval weighted_interval(double sum, double sum_squares, double next_weight) {
  Interval interval;
  if (sum > 0 && sum_squares > 0)
    interval.lower = sum_squares / (2 * sum) * chi_squared_quantile(kTail, 2 * sum * (sum / sum_squares));
  else
    interval.lower = sum;
  const double total = sum + next_weight;
  const double squares = sum_squares + next_weight * next_weight;
  if (total > 0 && squares > 0)
    interval.upper = squares / (2 * total) * chi_squared_quantile(1 - kTail, 2 * total * (total / squares));
  interval.lower = std::min(finite_or(interval.lower, 0), sum);
  interval.upper = std::max(finite_or(interval.upper, sum), sum);
  return interval;
}

}  // namespace

Interval gamma_interval(double sum, double sum_squares, double next_weight) {
  sum = non_negative(sum);
  sum_squares = non_negative(sum_squares);
  next_weight = non_negative(next_weight);
  if (sum > 0) next_weight = std::max(next_weight, sum_squares / sum);
  return weighted_interval(sum, sum_squares, next_weight);
}

Interval sampling_interval(double sum, double variance, double interval_bytes) {
  sum = non_negative(sum);
  if (!(interval_bytes > 1)) return {sum, sum};
  return weighted_interval(sum, non_negative(variance), non_negative(interval_bytes));
}

Interval difference_interval(double gain, const Interval& gain_interval, double loss,
                             const Interval& loss_interval) {
  const double change = gain - loss;
  return {change - std::hypot(gain - gain_interval.lower, loss_interval.upper - loss),
          change + std::hypot(gain_interval.upper - gain, loss - loss_interval.lower)};
}

double binomial_at_most(double d, double n, double q) {
  if (!(n > 0) || !(d < n) || !(q > 0)) return 1;
  if (d < 0 || q >= 1) return 0;
  n = std::min(n, kMostTrials);
  if (d >= n) return 1;
  d = std::floor(d);
  const double variance = n * q * (1 - q);
  if (variance > kManyTrials) return normal_at_most((d + 0.5 - n * q) / std::sqrt(variance));
  return std::clamp(finite_or(boost::math::ibeta(n - d, d + 1, 1 - q, Quiet()), 1), 0.0, 1.0);
}

double poisson_at_least(double k, double mu) {
  if (!(k > 0)) return 1;
  if (!(mu > 0) || !std::isfinite(k)) return 0;
  if (!std::isfinite(mu)) return 1;
  if (mu > kManyTrials) return 1 - normal_at_most((k - 0.5 - mu) / std::sqrt(mu));
  return std::clamp(finite_or(boost::math::gamma_p(std::ceil(k), mu, Quiet()), 1), 0.0, 1.0);
}

}  // namespace holdfast::diagnose
