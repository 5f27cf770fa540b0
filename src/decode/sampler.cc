// SPDX-License-Identifier: Apache-2.0
#include "decode/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "base/text.h"
#include "decode/logprob.h"

namespace llmos {
namespace {

// The stream of the generator that sampling draws from; any constant of its own.
constexpr uint64_t kSamplingStream = 0x73616D706C65;

// Words of the generator that belong to one position: a double takes two.
constexpr uint64_t kWordsPerDraw = 2;

Status check_range(const char* name, double value, double most) {
  if (value >= 0 && value <= most) return {};
  return {
      Code::kInvalid,
      (Text() << name << ": expected a number from 0 to " << most << ", found " << value).str()};
}

double uniform_at(uint64_t seed, uint64_t position) {
  const uint64_t low = Rng::word_at(seed, kSamplingStream, position * kWordsPerDraw);
  const uint64_t high = Rng::word_at(seed, kSamplingStream, position * kWordsPerDraw + 1);
  return double((high << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace

Result<Sampler> Sampler::create(const Sampling& options) {
  // Beyond, every token is equally likely to eight digits.
  constexpr double kTemperatureMost = 1e6;
  for (const Status& status :
       {check_range("temperature", options.temperature, kTemperatureMost),
        check_range("top_p", options.top_p, 1), check_range("min_p", options.min_p, 1)}) {
    if (!status.ok()) return status;
  }
  return Sampler(options);
}

TokenId Sampler::sample(std::span<const float> logits, uint64_t position) {
  const TokenId best = best_token(logits);
  if (best == kNoToken || options_.temperature == 0 || options_.top_k == 1) return best;
  const float top = logits[size_t(best)];
  if (!std::isfinite(top)) return best;
  collect(logits, top);
  filter();
  return draw(position);
}

// Weights are relative to the best token's, which has 1.
void Sampler::collect(std::span<const float> logits, float top) {
  candidates_.clear();
  const double scale = 1.0 / double(options_.temperature);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((double(logits[i]) - double(top)) * scale);
    if (weight > 0) candidates_.push_back({TokenId(i), weight});
  }
}

void Sampler::filter() {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  };
  if (options_.top_k != 0 && options_.top_k < candidates_.size()) {
    const auto end = candidates_.begin() + ptrdiff_t(options_.top_k);
    std::nth_element(candidates_.begin(), end, candidates_.end(), better);
    candidates_.erase(end, candidates_.end());
  }
  if (options_.top_p < 1) {
    std::sort(candidates_.begin(), candidates_.end(), better);
    double total = 0;
    for (const Candidate& candidate : candidates_) total += candidate.weight;
    double sum = 0;
    size_t kept = 0;
    while (kept < candidates_.size() && (kept == 0 || sum < double(options_.top_p) * total)) {
      sum += candidates_[kept++].weight;
    }
    candidates_.resize(kept);
  }
  std::erase_if(candidates_, [&](const Candidate& candidate) {
    return candidate.weight < double(options_.min_p);
  });
}

TokenId Sampler::draw(uint64_t position) const {
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  double left = uniform_at(options_.seed, position) * total;
  for (const Candidate& candidate : candidates_) {
    left -= candidate.weight;
    if (left < 0) return candidate.id;
  }
  return candidates_.back().id;  // the rounding of the sums
}

}  // namespace llmos
