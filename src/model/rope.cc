// SPDX-License-Identifier: Apache-2.0
#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

namespace llmos {
namespace {

double base_frequency(const RopeConfig& rope, uint32_t pair) {
  return std::pow(rope.theta, -2.0 * pair / rope.rotary);
}

// Llama 3: a wavelength that fits the original context many times stays as it is, one that hardly
// fits is stretched with the context.
double llama3_frequency(const RopeConfig& rope, double frequency) {
  const double turns = rope.original_context * frequency / (2 * std::numbers::pi);
  const double low = rope.low_frequency_factor, high = rope.high_frequency_factor;
  const double keep = std::clamp((turns - low) / (high - low), 0.0, 1.0);
  return keep * frequency + (1 - keep) * frequency / rope.factor;
}

// The pair, as a real number, that turns `turns` times in the original context.
double yarn_pair(const RopeConfig& rope, double turns) {
  return rope.rotary * std::log(rope.original_context / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(rope.theta));
}

double yarn_frequency(const RopeConfig& rope, uint32_t pair, double frequency) {
  double first = yarn_pair(rope, rope.beta_fast), last = yarn_pair(rope, rope.beta_slow);
  if (rope.truncate) first = std::floor(first), last = std::ceil(last);
  first = std::max(first, 0.0);
  last = std::min(last, rope.rotary - 1.0);
  if (first == last) last += 0.001;  // as the authors do it: a step instead of a ramp
  const double stretch = std::clamp((pair - first) / (last - first), 0.0, 1.0);
  return (1 - stretch) * frequency + stretch * frequency / rope.factor;
}

double scaled_frequency(const RopeConfig& rope, uint32_t pair, std::span<const float> factors) {
  const double frequency = base_frequency(rope, pair);
  switch (rope.scaling) {
    case RopeScaling::kNone:
      return frequency;
    case RopeScaling::kLinear:
      return frequency / rope.factor;
    case RopeScaling::kLlama3:
      return llama3_frequency(rope, frequency);
    case RopeScaling::kYarn:
      return yarn_frequency(rope, pair, frequency);
    case RopeScaling::kFactors:
    case RopeScaling::kLongRope:
      return frequency / factors[pair];
  }
  return frequency;
}

}  // namespace

std::vector<float> inverse_frequencies(const RopeConfig& rope) {
  std::vector<float> result;
  const uint32_t pairs = rope.rotary / 2;
  for (uint32_t i = 0; i < pairs; ++i)
    result.push_back(float(scaled_frequency(rope, i, rope.factors)));
  if (rope.scaling != RopeScaling::kLongRope) return result;
  for (uint32_t i = 0; i < pairs; ++i)
    result.push_back(float(scaled_frequency(rope, i, rope.long_factors)));
  return result;
}

int frequency_set(const RopeConfig& rope, uint64_t context) {
  return rope.scaling == RopeScaling::kLongRope && double(context) > rope.original_context ? 1 : 0;
}

double yarn_magnitude(double factor, double multiplier) {
  return factor <= 1 ? 1 : 0.1 * multiplier * std::log(factor) + 1;
}

double long_rope_magnitude(double factor, double original_context) {
  return factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original_context));
}

}  // namespace llmos
