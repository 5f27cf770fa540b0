// SPDX-License-Identifier: Apache-2.0
// ModelConfig: the one description of a transformer that everything above the files works from.
//
// A decoder is a stack of layers over a stream of vectors x[tokens, dim], one vector a token:
//
//   x = embedding[ids] * embedding_scale              (+ position_embedding[position])
//   in each layer   x += residual_scale * attention(norm(x))
//                   x += residual_scale * feed_forward(norm(x))
//   logits = softcap(logit_scale * head(norm(x)))
//
// Architectures differ in where norms stand, how positions enter, which keys a layer may see, and
// what the feed-forward part is. Each difference is a field here; the small arch_*.cc files fill
// them from a file's keys, and layers.cc reads them. Nothing else knows an architecture's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "llmos/status.h"

namespace llmos {

enum class RopeScaling : uint8_t {
  kNone,
  kLinear,    // frequencies divided by `factor`
  kLlama3,    // long wavelengths divided, short ones kept, between them a ramp
  kYarn,      // the same idea, with the ramp over pairs; `magnitude` grows
  kFactors,   // each pair divided by its own factor (GGUF's rope_freqs)
  kLongRope,  // two such sets: one for sequences within original_context, one for longer ones
};

// Rotary positions: pair i of a head turns by position * theta^(-2 i / rotary).
struct RopeConfig {
  uint32_t rotary = 0;  // leading elements of a head that turn; even, at most head_dim
  double theta = 10000;
  bool interleaved = false;  // pairs are (2 i, 2 i + 1), else (i, i + rotary / 2)
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1;                  // by how much the context was stretched
  double original_context = 0;        // before that; kLlama3, kYarn, kLongRope
  double low_frequency_factor = 1;    // kLlama3: wavelengths above original_context / this divide
  double high_frequency_factor = 4;   // kLlama3: wavelengths below original_context / this stay
  double beta_fast = 32;              // kYarn: pairs that turn more often in original_context stay
  double beta_slow = 1;               // kYarn: pairs that turn less often divide
  bool truncate = true;               // kYarn: the ramp begins and ends at whole pairs
  std::vector<float> factors{};       // [rotary / 2]  kFactors; kLongRope: for short sequences
  std::vector<float> long_factors{};  // [rotary / 2]  kLongRope
  float magnitude = 1;                // multiplies the rotated elements
};

// What differs from layer to layer.
struct LayerConfig {
  enum class Rope : uint8_t { kNone, kGlobal, kLocal };

  uint32_t window = 0;        // newest keys that a token sees, itself included; 0: all
  Rope rope = Rope::kGlobal;  // which of the two tables turns queries and keys
  bool experts = false;       // a mixture of experts instead of one feed-forward part
};

enum class QkNorm : uint8_t {
  kNone,
  kHead,   // each head by itself, weight [head_dim]
  kWhole,  // all heads as one row, weight [heads * head_dim]
};

// A mixture of experts: a router chooses `chosen` of `count` feed-forward parts for each token.
struct ExpertsConfig {
  uint32_t count = 0;  // 0: no layer has experts
  uint32_t chosen = 0;
  uint32_t dim = 0;  // hidden size of one expert
  kernels::Routing routing = kernels::Routing::kSoftmaxNormalized;
  float scale = 1;  // of the routing weights
  bool router_bias = false;
  bool bias = false;         // of the experts' matrices
  uint32_t shared_dim = 0;   // hidden size of one more expert that every token takes; 0: none
  bool shared_gate = false;  // its result times sigmoid(gate . x)
};

// Of a model that several ranks compute: what a rank's own sizes do not say. Everything else of its
// ModelConfig is that of its shard (model/sharding.h).
struct ShardConfig {
  int rank = 0;
  int ranks = 1;
  // [ranks + 1]: rank r has the words from word_borders[r] on, up to the next rank's.
  std::vector<uint32_t> word_borders{};
  uint32_t query_dim = 0, kv_dim = 0;  // of the whole model
  bool first_replica = true;           // no lower rank has these key heads
  uint32_t first_expert = 0;           // of those that it holds
  uint32_t held_experts = 0;           // 0: all
};

struct ModelConfig {
  std::string architecture;  // "llama", as messages show it

  uint32_t dim = 0;       // of the stream x
  uint32_t heads = 0;     // query heads
  uint32_t kv_heads = 0;  // key and value heads; each serves heads / kv_heads query heads
  uint32_t head_dim = 0;
  uint32_t ffn_dim = 0;     // hidden size of the feed-forward part
  uint32_t vocabulary = 0;  // rows of embedding and head
  uint32_t context = 0;     // tokens that the model was made for

  kernels::NormKind norm = kernels::NormKind::kRms;
  float norm_epsilon = 1e-5f;
  bool norm_bias = false;
  bool pre_norm = true;            // before attention and feed-forward
  bool post_norm = false;          // behind them, before the addition to x
  bool parallel_residual = false;  // both parts read the same x, and both are added to it
  QkNorm qk_norm = QkNorm::kNone;

  RopeConfig rope;                 // of LayerConfig::Rope::kGlobal layers
  RopeConfig local_rope;           // of kLocal layers
  uint32_t learned_positions = 0;  // rows of a table added to the embedding; 0: none

  float attention_scale = 0;    // of q . k
  float attention_softcap = 0;  // 0: none
  bool sinks = false;           // one learned logit per head that takes weight and gives no value

  kernels::Activation activation = kernels::Activation::kSilu;
  float activation_limit = 0;  // kClampedSwiglu
  bool gated = true;           // down(act(gate(x)) * up(x)), else down(act(up(x)))
  ExpertsConfig experts;

  bool qkv_bias = false;
  bool output_bias = false;  // of attention's output projection
  bool ffn_bias = false;

  float embedding_scale = 1;
  float residual_scale = 1;
  float logit_scale = 1;
  float logit_softcap = 0;  // 0: none
  bool tied_head = false;   // the head is the embedding

  std::vector<LayerConfig> layers;
  ShardConfig shard;

  uint32_t layer_count() const { return uint32_t(layers.size()); }
  uint32_t query_dim() const { return heads * head_dim; }
  uint32_t kv_dim() const { return kv_heads * head_dim; }
  uint32_t max_ffn_dim() const;  // widest hidden row of a dense or shared part; 0: none
  bool has_dense_layer() const;  // some layer has no experts
  bool has_experts() const { return experts.count > 0; }
  bool is_shard() const { return shard.ranks > 1; }
  uint32_t held_experts() const { return shard.held_experts ? shard.held_experts : experts.count; }
  uint32_t all_words() const { return is_shard() ? shard.word_borders.back() : vocabulary; }
  uint32_t words_max() const;        // of any rank
  uint32_t rope_set_count() const {  // sets of frequencies in `rope`
    return rope.scaling == RopeScaling::kLongRope ? 2 : 1;
  }

  // kInvalid, naming the field: every size is at least 1 and at most its bound below, what must
  // divide divides, lists have their lengths, numbers are finite. After it holds, no product of
  // sizes that the model forms leaves 63 bits.
  Status validate() const;
};

// Bounds of a configuration: above every model that was published, far below what could overflow
// (the largest product, a stack of experts in bytes, is at most 2^(12 + 20 + 20 + 2) = 2^54).
inline constexpr uint32_t kLayersMax = 1024;
inline constexpr uint32_t kDimMax = 1 << 20;
inline constexpr uint32_t kHeadsMax = 4096;
inline constexpr uint32_t kHeadDimMax = uint32_t(kernels::kHeadDimMax);
inline constexpr uint32_t kVocabularyMax = 1 << 24;
inline constexpr uint32_t kContextMax = 1 << 28;
inline constexpr uint32_t kExpertsMax = 4096;

}  // namespace llmos
