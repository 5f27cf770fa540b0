// SPDX-License-Identifier: Apache-2.0
#include "decode/sampling_options.h"

#include <string>

#include "base/text.h"

namespace llmos {
namespace {

struct Field {
  const char* name;
  double value;
  double least;
  double most;
};

// Also false for NaN.
Status check_field(const Field& field) {
  if (field.value >= field.least && field.value <= field.most) return {};
  return {Code::kInvalid,
          (Text() << "sampling." << field.name << ": expected a number from " << field.least
                  << " to " << field.most << ", found " << field.value)
              .str()};
}

Status check_numbers(const Sampling& s) {
  // Beyond, every token is equally likely to eight digits; a logit is rarely above 100.
  constexpr double kTemperatureMost = 1e6, kLogitMost = 1e4;
  const Field fields[] = {
      {"temperature", s.temperature, 0, kTemperatureMost},
      {"top_p", s.top_p, 0, 1},
      {"min_p", s.min_p, 0, 1},
      {"typical_p", s.typical_p, 0, 1},
      {"repetition_penalty", s.repetition_penalty, 0.01, 100},
      {"presence_penalty", s.presence_penalty, -kLogitMost, kLogitMost},
      {"frequency_penalty", s.frequency_penalty, -kLogitMost, kLogitMost},
      {"dry.multiplier", s.dry.multiplier, 0, kLogitMost},
      {"dry.base", s.dry.base, 1, 100},
      {"xtc.probability", s.xtc.probability, 0, 1},
      {"xtc.threshold", s.xtc.threshold, 0, 1},
      {"mirostat.tau", s.mirostat.tau, 0, 100},
      {"mirostat.eta", s.mirostat.eta, 0, 1},
  };
  for (const Field& field : fields) {
    if (Status status = check_field(field); !status.ok()) return status;
  }
  return {};
}

Status check_id(const char* name, TokenId id, uint32_t vocabulary) {
  if (id >= 0 && uint32_t(id) < vocabulary) return {};
  return {Code::kInvalid, (Text() << "sampling." << name << ": expected ids from 0 to "
                                  << vocabulary - 1 << ", found " << id)
                              .str()};
}

Status check_count(const char* name, size_t count, size_t most) {
  if (count <= most) return {};
  return {Code::kInvalid, (Text() << "sampling." << name << ": expected at most " << most
                                  << " entries, found " << count)
                              .str()};
}

Status check_lists(const Sampling& s, uint32_t vocabulary) {
  if (Status status = check_count("bias", s.bias.size(), kBiasesMax); !status.ok()) return status;
  if (Status status = check_count("banned", s.banned.size(), kBiasesMax); !status.ok()) {
    return status;
  }
  for (const TokenBias& bias : s.bias) {
    if (Status status = check_id("bias", bias.id, vocabulary); !status.ok()) return status;
    if (Status status = check_field({"bias", bias.bias, -1e4, 1e4}); !status.ok()) return status;
  }
  for (const TokenId id : s.banned) {
    if (Status status = check_id("banned", id, vocabulary); !status.ok()) return status;
  }
  return {};
}

Status check_breakers(const DrySampling& dry) {
  if (Status status = check_count("dry.breakers", dry.breakers.size(), kBreakersMax);
      !status.ok()) {
    return status;
  }
  for (const std::string& breaker : dry.breakers) {
    if (!breaker.empty() && breaker.size() <= kBreakerBytesMax) continue;
    return {Code::kInvalid,
            (Text() << "sampling.dry.breakers: expected strings of 1 to " << kBreakerBytesMax
                    << " bytes, found one of " << breaker.size())
                .str()};
  }
  return {};
}

}  // namespace

Status check_sampling(const Sampling& sampling, uint32_t vocabulary) {
  if (Status status = check_numbers(sampling); !status.ok()) return status;
  if (Status status = check_lists(sampling, vocabulary); !status.ok()) return status;
  return check_breakers(sampling.dry);
}

}  // namespace llmos
