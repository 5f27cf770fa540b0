// SPDX-License-Identifier: Apache-2.0
// Draws from the usual distributions. The standard library's own differ between implementations;
// these give the same values everywhere, because they use only +, -, *, /, sqrt and comparisons,
// which IEEE 754 fixes bit by bit. Two stated exceptions: gamma() decides some acceptances with
// log(), so two libms may disagree where the sides meet within rounding (below 1e-13 of the draws);
// and gamma() of a shape below 1 multiplies by a power, whose last bit is the libm's.
//
// Each call takes a varying number of words from `rng`.
#pragma once

#include "base/rng.h"

namespace llmos {

// Rate 1, mean 1. For rate r divide by r.
double exponential(Rng& rng) noexcept;

// Mean 0, deviation 1.
double normal(Rng& rng) noexcept;

// Scale 1: mean and variance `shape`, which must be above 0 and finite.
double gamma(Rng& rng, double shape);

// On [0, 1], mean a / (a + b); a and b must be above 0 and finite.
double beta(Rng& rng, double a, double b);

}  // namespace llmos
