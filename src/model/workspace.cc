// SPDX-License-Identifier: Apache-2.0
#include "model/workspace.h"

#include <algorithm>

#include "base/text.h"
#include "kernels/kernels.h"

namespace llmos {
namespace {

// Hands out consecutive arrays.
class Ruler {
 public:
  explicit Ruler(std::byte* base) : base_(reinterpret_cast<uintptr_t>(base)) {}

  template <class T>
  void take(T*& array, uint64_t count) {
    constexpr size_t kAlignment = 64;
    array = reinterpret_cast<T*>(base_ + place_);
    place_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    end_ = std::max(end_, place_);
  }
  size_t place() const { return place_; }
  void go_back(size_t place) { place_ = place; }
  size_t end() const { return end_; }

 private:
  uintptr_t base_;  // a number: 0 when only counting
  size_t place_ = 0;
  size_t end_ = 0;
};

void take_attention(Ruler& ruler, const ModelConfig& c, uint64_t tokens, Workspace& w) {
  ruler.take(w.queries, tokens * c.query_dim());
  ruler.take(w.keys, tokens * c.kv_dim());
  ruler.take(w.values, tokens * c.kv_dim());
  ruler.take(w.attended, tokens * c.query_dim());
}

void take_feed_forward(Ruler& ruler, const ModelConfig& c, uint64_t tokens, Workspace& w) {
  ruler.take(w.gate, c.gated ? tokens * c.max_ffn_dim() : 0);
  ruler.take(w.up, tokens * c.max_ffn_dim());
  if (!c.has_experts()) return;
  const uint64_t slots = tokens * c.experts.chosen;
  ruler.take(w.router_logits, tokens * c.experts.count);
  ruler.take(w.chosen, slots);
  ruler.take(w.chosen_weights, slots);
  ruler.take(w.slot_gate, slots * c.experts.dim);
  ruler.take(w.slot_up, slots * c.experts.dim);
  ruler.take(w.slot_out, slots * c.dim);
  ruler.take(w.shared_gates, tokens);
}

void take_logits(Ruler& ruler, const ModelConfig& c, uint64_t rows, Workspace& w) {
  ruler.take(w.picked, rows * c.dim);
  ruler.take(w.logits, rows * c.all_words());
  if (!c.is_shard()) return;
  ruler.take(w.words, rows * c.words_max());
  ruler.take(w.gathered, uint64_t(c.shard.ranks) * rows * c.words_max());
}

// The largest input of a product.
uint64_t cell_bytes(const ModelConfig& c, uint64_t tokens) {
  return tokens * kernels::quantized_row_bytes(int64_t(std::max(c.dim, c.query_dim())));
}

uint64_t hidden_cell_bytes(const ModelConfig& c, uint64_t tokens) {
  const uint64_t dense = tokens * kernels::quantized_row_bytes(int64_t(c.max_ffn_dim()));
  if (!c.has_experts()) return dense;
  return std::max(dense,
                  tokens * c.experts.chosen * kernels::quantized_row_bytes(int64_t(c.experts.dim)));
}

}  // namespace

Status BatchLimits::check() const {
  if (tokens >= 1 && tokens <= kBatchTokensMax && logit_rows >= 1 && logit_rows <= tokens)
    return Status();
  return Status(Code::kInvalid, (Text() << "batch limits: expected 1 to " << kBatchTokensMax
                                        << " tokens and from 1 to as many rows of logits, found "
                                        << tokens << " and " << logit_rows)
                                    .str());
}

Workspace Workspace::lay_out(const ModelConfig& c, const BatchLimits& limits, std::byte* base,
                             bool quantizes) {
  const uint64_t tokens = limits.tokens;
  Workspace w;
  Ruler ruler(base);
  ruler.take(w.frequencies, uint64_t(c.rope_set_count()) * c.rope.rotary / 2);
  ruler.take(w.local_frequencies, c.local_rope.rotary / 2);
  ruler.take(w.positions, tokens);
  ruler.take(w.frequency_sets, tokens);
  ruler.take(w.slots, tokens);
  ruler.take(w.x, tokens * c.dim);
  ruler.take(w.normed, c.pre_norm ? tokens * c.dim : 0);
  ruler.take(w.ffn_normed, c.parallel_residual ? tokens * c.dim : 0);
  if (!c.parallel_residual) w.ffn_normed = w.normed;
  const bool has_part = c.post_norm || c.experts.shared_dim > 0 || c.is_shard();
  ruler.take(w.part, has_part ? tokens * c.dim : 0);
  ruler.take(w.own_ids, c.is_shard() ? tokens : 0);
  ruler.take(w.squares, c.is_shard() && c.qk_norm == QkNorm::kWhole ? 2 * tokens : 0);
  ruler.take(w.mixed, c.is_shard() && c.has_experts() ? tokens * c.dim : 0);
  ruler.take(w.cells, quantizes ? cell_bytes(c, tokens) : 0);
  ruler.take(w.hidden_cells, quantizes ? hidden_cell_bytes(c, tokens) : 0);
  const size_t shared = ruler.place();
  take_attention(ruler, c, tokens, w);
  ruler.go_back(shared);
  take_feed_forward(ruler, c, tokens, w);
  ruler.go_back(shared);
  take_logits(ruler, c, limits.logit_rows, w);
  w.bytes = ruler.end();
  return w;
}

}  // namespace llmos
