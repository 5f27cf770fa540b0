// SPDX-License-Identifier: Apache-2.0
// What sampling should do, said as plainly as possible: the probability of every token, by full
// sorts and quadratic searches. The oracle of decode/.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "llmos/request.h"

namespace llmos::test {

struct NaiveToken {
  TokenId id;
  double p;
};

inline bool naive_better(const NaiveToken& a, const NaiveToken& b) {
  return a.p != b.p ? a.p > b.p : a.id < b.id;
}

inline void normalise(std::vector<NaiveToken>& tokens) {
  double sum = 0;
  for (const NaiveToken& t : tokens) sum += t.p;
  for (NaiveToken& t : tokens) t.p /= sum;
}

// How many tokens that end at `end` equal those that end the text, none a breaker.
inline uint32_t naive_repeat(const std::vector<TokenId>& text, size_t end,
                             const std::vector<TokenId>& breakers) {
  uint32_t length = 0;
  while (length < end && text[end - 1 - length] == text[text.size() - 1 - length] &&
         std::find(breakers.begin(), breakers.end(), text[end - 1 - length]) == breakers.end()) {
    ++length;
  }
  return length;
}

inline std::vector<double> naive_logits(std::vector<float> logits, const Sampling& s,
                                        std::vector<TokenId> text, size_t prompt,
                                        const std::vector<TokenId>& breakers) {
  for (const TokenBias& b : s.bias) logits[size_t(b.id)] += b.bias;
  const size_t window =
      s.penalty_window ? std::min<size_t>(s.penalty_window, text.size()) : text.size();
  for (size_t id = 0; id < logits.size(); ++id) {
    int all = 0, answer = 0;
    for (size_t i = text.size() - window; i < text.size(); ++i) {
      all += text[i] == TokenId(id);
      answer += text[i] == TokenId(id) && i >= prompt;
    }
    float& x = logits[id];
    if (all > 0) x = x > 0 ? x / s.repetition_penalty : x * s.repetition_penalty;
    if (answer > 0) x -= s.presence_penalty + s.frequency_penalty * float(answer);
  }
  if (s.dry.window && s.dry.window < text.size()) {
    text.erase(text.begin(), text.end() - ptrdiff_t(s.dry.window));
  }
  for (size_t id = 0; s.dry.multiplier > 0 && id < logits.size(); ++id) {
    uint32_t longest = 0;
    for (size_t i = 1; i < text.size(); ++i) {
      if (text[i] == TokenId(id)) longest = std::max(longest, naive_repeat(text, i, breakers));
    }
    if (longest > 0 && longest >= s.dry.allowed_length) {
      logits[id] -= float(s.dry.multiplier *
                          std::pow(double(s.dry.base), double(longest) - s.dry.allowed_length));
    }
  }
  for (const TokenId id : s.banned) logits[size_t(id)] = -INFINITY;
  return {logits.begin(), logits.end()};
}

// Without xtc's coin: `xtc` says how it fell.
inline std::map<TokenId, double> naive_distribution(const std::vector<double>& logits,
                                                    const Sampling& s, bool xtc,
                                                    double mirostat_mu) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<NaiveToken> tokens;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = std::exp((logits[i] - top) / double(s.temperature));
    if (p > 0) tokens.push_back({TokenId(i), p});
  }
  std::sort(tokens.begin(), tokens.end(), naive_better);
  normalise(tokens);
  const auto prefix = [&](double share) {
    double sum = 0;
    size_t kept = 0;
    while (kept < tokens.size() && (kept == 0 || sum < share)) sum += tokens[kept++].p;
    tokens.resize(kept);
    normalise(tokens);
  };
  if (s.mirostat.tau > 0) {
    while (tokens.size() > 1 && -std::log2(tokens.back().p) > mirostat_mu) tokens.pop_back();
    normalise(tokens);
  } else {
    if (s.top_k && s.top_k < tokens.size()) tokens.resize(s.top_k);
    normalise(tokens);
    if (s.typical_p < 1) {
      double entropy = 0;
      for (const NaiveToken& t : tokens) entropy -= t.p * std::log(t.p);
      std::sort(tokens.begin(), tokens.end(), [&](const NaiveToken& a, const NaiveToken& b) {
        const double x = std::abs(-std::log(a.p) - entropy);
        const double y = std::abs(-std::log(b.p) - entropy);
        return x != y ? x < y : naive_better(a, b);
      });
      prefix(double(s.typical_p));
      std::sort(tokens.begin(), tokens.end(), naive_better);
    }
    if (s.top_p < 1) prefix(double(s.top_p));
    const double least = double(s.min_p) * tokens[0].p;
    std::erase_if(tokens, [&](const NaiveToken& t) { return t.p < least; });
    normalise(tokens);
    if (xtc) {
      while (tokens.size() > 1 && tokens[1].p >= double(s.xtc.threshold)) {
        tokens.erase(tokens.begin());  // probabilities stay: the threshold is of the whole
      }
      normalise(tokens);
    }
  }
  std::map<TokenId, double> result;
  for (const NaiveToken& t : tokens) result[t.id] = t.p;
  return result;
}

}  // namespace llmos::test
