// SPDX-License-Identifier: Apache-2.0
#include "kv_waste.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "kv/block_table.h"
#include "support/demand_trace.h"

namespace llmos::bench {
namespace {

struct Lengths {
  int64_t input, output;
};

// Log-normal with this mean and coefficient of variation.
double log_normal(Rng& rng, double mean, double cv) {
  const double variance = std::log(1 + cv * cv);
  return std::exp(std::log(mean) - variance / 2 + std::sqrt(variance) * normal(rng));
}

std::vector<Lengths> stand_in(double in_mean, double in_cv, double out_mean, double out_cv,
                              int64_t in_max, int64_t total_max) {
  Rng rng(1);
  std::vector<Lengths> lengths;
  while (lengths.size() < 4000) {
    const auto in = int64_t(std::ceil(log_normal(rng, in_mean, in_cv)));
    const auto out = int64_t(std::ceil(log_normal(rng, out_mean, out_cv)));
    if (in >= 1 && in <= in_max && out >= 1 && in + out <= total_max) lengths.push_back({in, out});
  }
  return lengths;
}

struct Waste {
  double share = 0;             // of held token slots, over all steps
  double copied_per_token = 0;  // tokens moved for each token generated
};

// `slots` sequences at a time, one token a step each; the next begins where one ends.
Waste measure(const std::vector<Lengths>& lengths, int64_t tail_tokens, size_t slots) {
  const BlockLayout layout = BlockLayout::create({.layers = 1,
                                                  .kv_heads = 1,
                                                  .head_dim = 64,
                                                  .block_tokens = 16,
                                                  .tail_tokens = tail_tokens})
                                 .value();
  BlockPool pool(layout, 1 << 18);
  struct Running {
    BlockTable table;
    int64_t left;
  };
  std::vector<Running> running;
  size_t next = 0;
  double held = 0, used = 0, copied = 0, made = 0;
  while (next < lengths.size()) {  // the end, when slots run empty, is not counted
    while (running.size() < slots && next < lengths.size()) {
      const Lengths& length = lengths[next++];
      Running& made_now = running.emplace_back(
          Running{BlockTable(pool, length.input + length.output), length.output});
      if (!made_now.table.append(length.input)) return {};
    }
    for (size_t i = 0; i < running.size();) {
      Running& sequence = running[i];
      if (!sequence.table.append(1)) return {};
      made += 1;
      if (--sequence.left == 0) {
        std::swap(sequence, running.back());
        running.pop_back();
      } else {
        ++i;
      }
    }
    for (const BlockCopy& copy : pool.copies()) copied += copy.tokens;
    pool.run_copies();
    held += double(pool.capacity() - pool.free_count()) * 16;
    for (const Running& sequence : running) used += double(sequence.table.tokens());
  }
  return {1 - used / held, copied / made};
}

void print_rows(const char* name, const std::vector<Lengths>& lengths) {
  for (const size_t slots : {size_t{16}, size_t{64}, size_t{256}}) {
    std::printf("%-12s %5zu", name, slots);
    for (const int64_t tail : {0, 8, 4, 2, 1}) {
      const Waste waste = measure(lengths, tail, slots);
      std::printf("   %5.2f %% (%.2f)", waste.share * 100, waste.copied_per_token);
    }
    std::printf("\n");
  }
}

}  // namespace

int print_waste(const std::string& azure_path) {
  std::printf("share of held slots without a token (tokens copied per token), units of a tail:\n");
  std::printf("%-12s %5s   %-14s   %-14s   %-14s   %-14s   %-14s\n", "workload", "slots",
              "16 (none)", "8", "4", "2", "1");
  print_rows("ShareGPT", stand_in(161.31, 1.3, 337.99, 1.0, 1024, 2048));
  print_rows("Alpaca", stand_in(19.31, 0.8, 58.45, 1.2, 1024, 1900));
  if (azure_path.empty()) return 0;
  const auto trace = test::read_azure_trace(azure_path);
  if (!trace.ok()) {
    std::fprintf(stderr, "%s\n", trace.status().to_string().c_str());
    return 1;
  }
  std::vector<Lengths> lengths;
  for (const test::TraceRequest& request : *trace) {
    if (request.context_tokens < 1 || request.output_tokens < 1) continue;
    lengths.push_back({int64_t(request.context_tokens), int64_t(request.output_tokens)});
  }
  lengths.resize(std::min<size_t>(lengths.size(), 6000));
  print_rows("Azure chat", lengths);
  return 0;
}

}  // namespace llmos::bench
