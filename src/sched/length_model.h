// SPDX-License-Identifier: Apache-2.0
// LengthModel: how long outputs are, learned while they are being generated.
//
// Ages (output tokens so far) fall into bins: one for each token up to 8, then 4 per doubling. Bin
// b holds the lengths in (edge b, edge b+1]. What is learned is the hazard of each bin,
//   q[b] = P(ends in bin b | reached it) = (ends + kPrior q0) / (visits + kPrior)
// where a visit counts once, when it leaves the bin or ends in it. So a request that is still
// running, or was cancelled, counts for what is known of it and no more (censoring). Old counts
// fade over kMemory visits. The prior q0 is what lengths with a density falling as 1/x^2 would
// give.
//
// Threads  One writer; const methods from anywhere between its calls.
#pragma once

#include <array>
#include <cstdint>

namespace llmos::sched {

class LengthModel {
 public:
  static constexpr uint32_t kBins = 52;         // 8 + 4 x 11 doublings: to 16,384 tokens
  static constexpr double kPriorVisits = 4;     // the prior is worth so many
  static constexpr double kMemoryVisits = 256;  // chat, code and batch jobs come and go in minutes

  LengthModel();

  static uint32_t edge(uint32_t bin);  // exclusive low end of `bin`; edge(kBins) = 16,384
  static uint32_t bin_of(uint32_t output_tokens);  // the bin of age `output_tokens`

  void left(uint32_t bin);   // a sequence has grown beyond the bin
  void ended(uint32_t bin);  // a sequence ended in it by itself

  double hazard(uint32_t bin) const;
  double mean() const;  // expected length of a new sequence
  uint64_t ends() const { return ends_; }

 private:
  std::array<double, kBins> visits_{};
  std::array<double, kBins> ends_in_{};
  uint64_t ends_ = 0;
};

// The length that stands for those ending in `bin`: its upper end at width 1, else its middle.
double bin_length(uint32_t bin);

}  // namespace llmos::sched
