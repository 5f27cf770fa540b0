// SPDX-License-Identifier: Apache-2.0
// The parts of a transformer as operations on a stream. This is the model: everything else finds
// its numbers or keeps its memory.
#pragma once

#include <initializer_list>

#include "device/compute_stream.h"
#include "kv/block_pool.h"
#include "model/batch.h"
#include "model/exchange.h"
#include "model/weight_layout.h"
#include "model/workspace.h"

namespace llmos {

// One step while it is recorded: the tokens of a batch on their way through the layers.
class Step {
 public:
  Step(const ModelConfig& config, const ModelWeights& weights, const Workspace& workspace,
       const kernels::KernelTable& ops, ComputeStream& stream, const BlockPool& cache,
       const Batch& batch, exchange::Link* link = nullptr)
      : c(config),
        weights_(weights),
        w(workspace),
        ops_(ops),
        stream_(stream),
        cache_(cache),
        batch_(batch),
        link_(link),
        tokens_(int64_t(batch.ids.size())) {}

  // Launches everything from ids to logits. workspace.positions, slots and frequency_sets are
  // filled. The results are there after stream.finish().
  void run() const;

 private:
  using Layer = ModelWeights::Layer;
  using Linear = ModelWeights::Linear;
  using Norm = ModelWeights::Norm;
  using FeedForward = ModelWeights::FeedForward;

  void embed() const;
  void layer(const LayerConfig& config, const Layer& layer, int64_t index) const;
  void attention(const LayerConfig& config, const Layer& layer, int64_t index) const;
  void project(const Layer& layer) const;
  void norm_heads(const Layer& layer) const;
  void norm_divided_heads(const Layer& layer) const;
  void rotate_and_store(LayerConfig::Rope which, const kernels::KvLayer& cache) const;
  void feed_forward(const Layer& layer) const;
  void mixture(const Layer& layer) const;
  void combine() const;
  void shared_expert(const Layer& layer) const;
  void hidden(const FeedForward& part, int64_t size) const;
  void logits() const;
  // The head's own logits become everybody's.
  void gather_words(int64_t rows) const;
  // Where ranks share the work: data[count] becomes the sum over them.
  void add_to_x(const float* rows) const;  // [tokens, dim], scaled as residuals are
  void reduce(float* data, int64_t count) const;

  // In which form products read their input: as floats, as cells (packed weights), or both.
  struct Form {
    bool floats = false;
    bool cells = false;
  };
  static Form form_of(std::initializer_list<const kernels::Matrix*> readers);
  // out, w.cells = norm(x), each where `form` has it.
  void norm_input(float* out, const Norm& norm, const Form& form) const;
  // w.cells = rows of `in`, where `form` has cells.
  void quantize(const float* in, int64_t rows, int64_t columns, const Form& form) const;
  // w.hidden_cells, where `form` has cells, and out, where it has floats.
  void activate_own(kernels::ActivateParams params, const Form& form) const;

  // x += residual_scale * post_norm(weight in + bias)
  void add_to_stream(const Linear& linear, const float* in, const std::byte* cells,
                     const Norm& post_norm) const;
  // Without `cells`: of w.cells.
  kernels::MatmulParams linear(float* out, const Linear& linear, const float* in,
                               const std::byte* cells = nullptr) const;
  kernels::ExpertMatmulParams experts(float* out, const Linear& linear, const float* in,
                                      const std::byte* cells, int64_t slots_per_input) const;
  kernels::NormParams norm(float* out, const Norm& norm, const float* in, int64_t rows,
                           int64_t columns) const;
  kernels::RopeParams rope(float* x, int64_t heads, LayerConfig::Rope which) const;
  kernels::ActivateParams activate(float* gate, float* up, int64_t rows, int64_t columns) const;

  const ModelConfig& c;
  const ModelWeights& weights_;
  const Workspace& w;
  const kernels::KernelTable& ops_;
  ComputeStream& stream_;
  const BlockPool& cache_;
  const Batch& batch_;
  exchange::Link* const link_;  // null: one rank computes the model
  const int64_t tokens_;
};

}  // namespace llmos
