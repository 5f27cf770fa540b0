// SPDX-License-Identifier: Apache-2.0
#include "decode/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "decode/logprob.h"
#include "decode/sampling_options.h"

namespace llmos {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Streams of the generator that sampling draws from: any constant, and the choice beside it.
constexpr uint64_t kSamplingStream = 0x73616D706C65;

// Words of the generator that belong to one position: two doubles.
constexpr uint64_t kWordsPerPosition = 4;
enum Draw : uint64_t { kToken = 0, kXtc = 2 };

double uniform_at(uint64_t seed, uint64_t stream, uint64_t position, Draw which) {
  const uint64_t word = position * kWordsPerPosition + which;
  const uint64_t low = Rng::word_at(seed, stream, word);
  const uint64_t high = Rng::word_at(seed, stream, word + 1);
  return double((high << 32 | low) >> 11) * 0x1p-53;
}

void forbid(std::span<const TokenId> ids, std::span<float> logits) {
  for (const TokenId id : ids) {
    if (id >= 0 && size_t(id) < logits.size()) logits[size_t(id)] = kNever;
  }
}

void apply_mask(std::span<const uint64_t> mask, std::span<float> logits) {
  constexpr size_t kWordBits = 64;
  for (size_t i = 0; i < logits.size(); ++i) {
    const size_t word = i / kWordBits;
    if (word >= mask.size() || !(mask[word] >> i % kWordBits & 1)) logits[i] = kNever;
  }
}

}  // namespace

SamplerRoom::SamplerRoom(uint32_t vocabulary, uint32_t context)
    : logits_(vocabulary), penalties_(vocabulary, context) {
  candidates_.reserve(vocabulary);
}

Result<Sampler> Sampler::create(const Sampling& options, uint32_t vocabulary, uint32_t choice,
                                std::vector<TokenId> breakers) {
  if (Status status = check_sampling(options, vocabulary); !status.ok()) return status;
  std::sort(breakers.begin(), breakers.end());
  return Sampler(options, choice, std::move(breakers));
}

// Mirostat begins with twice the surprise it aims at, as its authors do.
Sampler::Sampler(const Sampling& options, uint32_t choice, std::vector<TokenId> breakers)
    : options_(options),
      stream_(kSamplingStream + (uint64_t{choice} << 48)),
      breakers_(std::move(breakers)),
      surprise_most_(2 * double(options.mirostat.tau)) {}

TokenId Sampler::sample(const SamplerInput& input, SamplerRoom& room) {
  std::span<const float> logits = input.logits;
  const bool changed = changes(input);
  if (changed) {
    change(input, room);
    logits = std::span<const float>(room.logits_).first(logits.size());
  }
  const TokenId best = best_token(logits);
  if (best == kNoToken) return best;
  const float top = logits[size_t(best)];
  if (!(top > kNever) && changed) return kNoToken;
  if (options_.temperature == 0 || !std::isfinite(top)) return best;

  const uint64_t position = input.tokens.size() - input.prompt_tokens;
  collect(logits, top, room.candidates_);
  filter(position, room.candidates_);
  const Candidate& drawn = draw(position, room.candidates_);
  learn(drawn, room.candidates_);
  return drawn.id;
}

bool Sampler::changes(const SamplerInput& input) const noexcept {
  return !options_.bias.empty() || !options_.banned.empty() || has_penalties(options_) ||
         options_.dry.multiplier != 0 || !input.forbidden.empty() || !input.mask.empty() ||
         input.hook;
}

void Sampler::change(const SamplerInput& input, SamplerRoom& room) const {
  const std::span<float> logits = std::span(room.logits_).first(input.logits.size());
  std::copy(input.logits.begin(), input.logits.end(), logits.begin());
  for (const TokenBias& bias : options_.bias) logits[size_t(bias.id)] += bias.bias;
  if (has_penalties(options_)) {
    apply_penalties(options_, input.tokens, input.prompt_tokens, logits, room.penalties_);
  }
  apply_dry(options_.dry, breakers_, input.tokens, logits, room.penalties_);
  if (input.hook) (*input.hook)(logits);
  // Last, so that nothing above can bring a forbidden token back.
  forbid(options_.banned, logits);
  forbid(input.forbidden, logits);
  if (!input.mask.empty()) apply_mask(input.mask, logits);
}

// Weights are relative to the best token's, which has 1. Those of at most 2^-1074 vanish.
void Sampler::collect(std::span<const float> logits, float top, Candidates& candidates) const {
  candidates.clear();
  const double scale = 1.0 / double(options_.temperature);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((double(logits[i]) - double(top)) * scale);
    if (weight > 0) candidates.push_back({TokenId(i), weight});
  }
}

void Sampler::filter(uint64_t position, Candidates& candidates) const {
  if (options_.mirostat.tau > 0) return keep_surprise(candidates, surprise_most_);
  keep_top_k(candidates, options_.top_k);
  keep_typical(candidates, double(options_.typical_p));
  keep_top_p(candidates, double(options_.top_p));
  if (options_.min_p > 0) keep_min_p(candidates, double(options_.min_p));
  if (options_.xtc.probability > 0 &&
      uniform_at(options_.seed, stream_, position, Draw::kXtc) < double(options_.xtc.probability)) {
    drop_top(candidates, double(options_.xtc.threshold));
  }
}

const Candidate& Sampler::draw(uint64_t position, const Candidates& candidates) const {
  double left =
      uniform_at(options_.seed, stream_, position, Draw::kToken) * total_weight(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.weight;
    if (left < 0) return candidate;
  }
  return candidates.back();  // the rounding of the sums
}

void Sampler::learn(const Candidate& drawn, const Candidates& candidates) {
  if (options_.mirostat.tau == 0) return;
  const double surprise = std::log2(total_weight(candidates) / drawn.weight);
  surprise_most_ -= double(options_.mirostat.eta) * (surprise - double(options_.mirostat.tau));
}

}  // namespace llmos
