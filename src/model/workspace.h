// SPDX-License-Identifier: Apache-2.0
// Workspace: the arrays between operations, laid out once for the largest batch. Attention, feed
// forward and logits are never alive at the same time, so their arrays share memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/model_config.h"

namespace llmos {

struct BatchLimits {
  uint32_t tokens = 512;    // of a batch
  uint32_t logit_rows = 1;  // of a batch; at most `tokens`

  Status check() const;  // kInvalid
};

// Pointers into a buffer that someone else owns. T: limits.tokens.
struct Workspace {
  // What stays for the whole model.
  float* frequencies = nullptr;        // [rope sets, rotary / 2]
  float* local_frequencies = nullptr;  // [rotary / 2]
  // What stays for a whole step.
  int32_t* positions = nullptr;       // [T]
  int32_t* frequency_sets = nullptr;  // [T]
  int64_t* slots = nullptr;           // [T]
  float* x = nullptr;                 // [T, dim] the stream
  float* normed = nullptr;            // [T, dim] what a part reads
  float* ffn_normed = nullptr;        // [T, dim] the same memory, but for parallel residuals
  float* part = nullptr;              // [T, dim] what a part gives, where it is not added at once
  // Of a shard (exchange.h).
  int32_t* own_ids = nullptr;  // [T] in this rank's part of the embedding; 0 for others' words
  float* squares = nullptr;    // [2, T] of queries and keys that are normed as one row
  float* mixed = nullptr;      // [T, dim] what this rank's experts give
  // Attention.
  float* queries = nullptr;   // [T, heads, head_dim]
  float* keys = nullptr;      // [T, kv_heads, head_dim]
  float* values = nullptr;    // [T, kv_heads, head_dim]
  float* attended = nullptr;  // [T, heads, head_dim]
  // Feed forward, dense or shared.
  float* gate = nullptr;  // [T, ffn_dim]
  float* up = nullptr;    // [T, ffn_dim]
  // Experts. A slot is one expert's work on one token.
  float* router_logits = nullptr;   // [T, experts]
  int32_t* chosen = nullptr;        // [T, experts.chosen]
  float* chosen_weights = nullptr;  // [T, experts.chosen]
  float* slot_gate = nullptr;       // [T * experts.chosen, experts.dim]
  float* slot_up = nullptr;         // [T * experts.chosen, experts.dim]
  float* slot_out = nullptr;        // [T * experts.chosen, dim]
  float* shared_gates = nullptr;    // [T]
  // The rows that the next products read, quantised, where weights are packed.
  std::byte* cells = nullptr;
  std::byte* hidden_cells = nullptr;  // the same of the hidden layer, or of the slots
  // Logits. L: limits.logit_rows.
  float* picked = nullptr;    // [L, dim]
  float* logits = nullptr;    // [L, vocabulary] of the whole model
  float* words = nullptr;     // [L, words_max] a shard's own logits
  float* gathered = nullptr;  // [ranks, L, words_max] all shards'

  // Lays the arrays out from `base` on; with null they only count. Each begins on a cache line.
  // With `quantizes` there is room for `cells`.
  static Workspace lay_out(const ModelConfig& config, const BatchLimits& limits, std::byte* base,
                           bool quantizes = false);
  size_t bytes = 0;  // of all
};

// The most tokens of a batch: above every sensible step, and it keeps the workspace of the largest
// configuration within 63 bits.
inline constexpr uint32_t kBatchTokensMax = 1 << 20;

}  // namespace llmos
