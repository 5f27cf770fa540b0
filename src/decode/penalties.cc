// SPDX-License-Identifier: Apache-2.0
#include "decode/penalties.h"

#include <algorithm>
#include <cmath>

namespace llmos {
namespace {

std::span<const TokenId> last_of(std::span<const TokenId> tokens, uint32_t window) {
  return window == 0 || window >= tokens.size() ? tokens : tokens.last(window);
}

bool is_within(TokenId id, std::span<float> logits) {
  return id >= 0 && size_t(id) < logits.size();
}

// matches[i]: how many tokens before the end are the same as those before place i from the end: the
// Z function of the reversed text, cut at `reach`.
void match_suffixes(std::span<const TokenId> tokens, uint32_t reach, std::span<uint32_t> matches) {
  const size_t count = tokens.size();
  const auto at = [&](size_t i) { return tokens[count - 1 - i]; };
  size_t left = 0, right = 0;  // the match that reaches furthest
  for (size_t i = 1; i < count; ++i) {
    size_t length = i < right ? std::min<size_t>(right - i, matches[i - left]) : 0;
    while (i + length < count && at(length) == at(i + length)) ++length;
    if (i + length > right) left = i, right = i + length;
    matches[i] = uint32_t(length);
  }
  for (size_t i = 1; i < count; ++i) matches[i] = std::min(matches[i], reach);
}

}  // namespace

bool has_penalties(const Sampling& sampling) noexcept {
  return sampling.repetition_penalty != 1 || sampling.presence_penalty != 0 ||
         sampling.frequency_penalty != 0;
}

void apply_penalties(const Sampling& sampling, std::span<const TokenId> tokens,
                     uint32_t prompt_tokens, std::span<float> logits, PenaltyRoom& room) {
  const std::span<const TokenId> window = last_of(tokens, sampling.penalty_window);
  const size_t first = tokens.size() - window.size();
  for (size_t i = 0; i < window.size(); ++i) {
    if (is_within(window[i], logits) && first + i >= prompt_tokens) {
      ++room.answer_counts[size_t(window[i])];
    }
  }
  for (const TokenId id : window) {
    if (!is_within(id, logits) || room.seen[size_t(id)]) continue;
    room.seen[size_t(id)] = 1;
    float& logit = logits[size_t(id)];
    logit = logit > 0 ? logit / sampling.repetition_penalty : logit * sampling.repetition_penalty;
    const uint32_t count = room.answer_counts[size_t(id)];
    if (count > 0) logit -= sampling.presence_penalty + sampling.frequency_penalty * float(count);
  }
  for (const TokenId id : window) {
    if (!is_within(id, logits)) continue;
    room.seen[size_t(id)] = 0;
    room.answer_counts[size_t(id)] = 0;
  }
}

void apply_dry(const DrySampling& dry, std::span<const TokenId> breakers,
               std::span<const TokenId> tokens, std::span<float> logits, PenaltyRoom& room) {
  std::span<const TokenId> window = last_of(tokens, dry.window);
  window = last_of(window, uint32_t(room.matches.size()));
  if (dry.multiplier == 0 || window.size() < 2) return;
  uint32_t reach = 0;
  while (reach < window.size() &&
         !std::binary_search(breakers.begin(), breakers.end(), window[window.size() - 1 - reach])) {
    ++reach;
  }
  if (reach < std::max(dry.allowed_length, 1u)) return;
  match_suffixes(window, reach, room.matches);
  for (size_t i = 1; i < window.size(); ++i) {
    const TokenId next = window[window.size() - i];  // what followed the earlier occurrence
    if (room.matches[i] < std::max(dry.allowed_length, 1u) || !is_within(next, logits)) continue;
    uint32_t& repeats = room.repeats[size_t(next)];
    repeats = std::max(repeats, room.matches[i]);
  }
  for (size_t i = 1; i < window.size(); ++i) {
    const TokenId next = window[window.size() - i];
    if (!is_within(next, logits)) continue;
    const uint32_t repeats = std::exchange(room.repeats[size_t(next)], 0);
    if (repeats == 0) continue;
    // Beyond this exponent the penalty is the largest finite number anyway.
    constexpr double kMost = 3e38;
    const double power = std::pow(double(dry.base), double(repeats) - double(dry.allowed_length));
    logits[size_t(next)] -= float(std::min(double(dry.multiplier) * power, kMost));
  }
}

}  // namespace llmos
