// SPDX-License-Identifier: Apache-2.0
// Quantiles that the prediction intervals need: normal and Student's t. Pure functions, any thread.
#pragma once

namespace llmos::predict {

// P(Z <= z) for the standard normal.
double normal_cdf(double z);

// The z with P(Z <= z) == p, to a few units in the last place. 0 and 1 give -+infinity, anything
// outside [0, 1] and NaN give NaN.
double normal_quantile(double p);

// I_x(a, b), the regularised incomplete beta function, for a, b > 0 and x in [0, 1]; relative error
// below 1e-12 for a, b <= 1e5. Also the CDF of Beta(a, b).
double incomplete_beta(double a, double b, double x);

// The t with P(T <= t) == p for Student's t with `dof` > 0 degrees of freedom (need not be whole).
// NaN where p is outside [0, 1] or dof is not positive.
double student_t_quantile(double p, double dof);

}  // namespace llmos::predict
