// SPDX-License-Identifier: Apache-2.0
#include "model/model_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/text.h"

namespace llmos {
namespace {

// Collects the first rule that does not hold.
class Rules {
 public:
  explicit Rules(std::string_view architecture) : architecture_(architecture) {}

  void size(std::string_view name, uint64_t value, uint64_t most) {
    if (value >= 1 && value <= most) return;
    fail(Text() << name << ": expected 1 to " << most << ", found " << value);
  }
  void size_or_none(std::string_view name, uint64_t value, uint64_t most) {
    if (value != 0) size(name, value, most);
  }
  void number(std::string_view name, double value, double least, double most) {
    if (value >= least && value <= most) return;  // false for NaN
    fail(Text() << name << ": expected " << least << " to " << most << ", found " << value);
  }
  void that(bool holds, std::string_view sentence) {
    if (!holds) fail(Text() << sentence);
  }
  template <class T>
  void length(std::string_view name, const std::vector<T>& list, uint64_t expected) {
    if (list.size() == expected) return;
    fail(Text() << name << ": expected " << expected << " values, found " << list.size());
  }
  Status status() && { return std::move(status_); }

 private:
  void fail(const Text& text) {
    if (!status_.ok()) return;
    status_ = Status(Code::kInvalid, (Text() << architecture_ << " model: " << text.str()).str());
  }

  std::string_view architecture_;
  Status status_;
};

constexpr double kScaleMax = 1e6;   // of any multiplier: real ones are below 1000
constexpr double kThetaMax = 1e12;  // real ones are below 1e8
constexpr double kFactorMax = 1e6;  // of rope scaling: real ones are below 1000

void check_factors(Rules& rules, std::string_view name, const std::vector<float>& factors) {
  for (const float factor : factors) rules.number(name, factor, 1e-6, kFactorMax);
}

void check_rope(Rules& rules, const RopeConfig& rope, uint32_t head_dim) {
  rules.size("rope dimensions", rope.rotary, head_dim);
  rules.that(rope.rotary % 2 == 0, "rope dimensions: expected an even number");
  // yarn divides by log(theta), which must not be 0.
  rules.number("rope theta", rope.theta, 1.001, kThetaMax);
  rules.number("rope scaling factor", rope.factor, 1e-3, kFactorMax);
  rules.number("rope magnitude", rope.magnitude, 1e-3, kFactorMax);
  const RopeScaling scaling = rope.scaling;
  if (scaling == RopeScaling::kLlama3 || scaling == RopeScaling::kYarn ||
      scaling == RopeScaling::kLongRope) {
    rules.number("rope scaling original context", rope.original_context, 2, kContextMax);
  }
  if (scaling == RopeScaling::kLlama3) {
    rules.number("rope low frequency factor", rope.low_frequency_factor, 1e-3, kFactorMax);
    rules.number("rope high frequency factor", rope.high_frequency_factor, 1e-3, kFactorMax);
    rules.that(rope.high_frequency_factor > rope.low_frequency_factor,
               "rope scaling: expected high frequency factor > low frequency factor");
  }
  if (scaling == RopeScaling::kYarn) {
    rules.number("rope beta fast", rope.beta_fast, 1e-3, kFactorMax);
    rules.number("rope beta slow", rope.beta_slow, 1e-3, kFactorMax);
  }
  const bool factors = scaling == RopeScaling::kFactors || scaling == RopeScaling::kLongRope;
  rules.length("rope factors", rope.factors, factors ? rope.rotary / 2 : 0);
  rules.length("long rope factors", rope.long_factors,
               scaling == RopeScaling::kLongRope ? rope.rotary / 2 : 0);
  check_factors(rules, "rope factors", rope.factors);
  check_factors(rules, "long rope factors", rope.long_factors);
}

void check_experts(Rules& rules, const ModelConfig& config) {
  const ExpertsConfig& experts = config.experts;
  if (experts.count == 0) return;
  rules.size("experts", experts.count, kExpertsMax);
  rules.size("experts per token", experts.chosen, experts.count);
  rules.size("expert feed-forward length", experts.dim, kDimMax);
  rules.size_or_none("shared expert feed-forward length", experts.shared_dim, kDimMax);
  rules.number("expert weights scale", experts.scale, -kScaleMax, kScaleMax);
  rules.that(!config.post_norm, "experts with norms behind the feed-forward part: unsupported");
  rules.that(config.gated, "experts without a gate: unsupported");
}

void check_layers(Rules& rules, const ModelConfig& config) {
  bool global = false, local = false, experts = false;
  for (const LayerConfig& layer : config.layers) {
    rules.size_or_none("attention window", layer.window, kContextMax);
    global |= layer.rope == LayerConfig::Rope::kGlobal;
    local |= layer.rope == LayerConfig::Rope::kLocal;
    experts |= layer.experts;
  }
  // A table that no layer uses is computed all the same.
  if (global || config.rope.rotary > 0) check_rope(rules, config.rope, config.head_dim);
  if (local || config.local_rope.rotary > 0) check_rope(rules, config.local_rope, config.head_dim);
  rules.that(config.local_rope.scaling != RopeScaling::kLongRope,
             "long-rope on local layers: unsupported");
  rules.that(!experts || config.has_experts(), "a layer has experts, the model says none");
  if (config.has_dense_layer()) rules.size("feed-forward length", config.ffn_dim, kDimMax);
}

void check_numbers(Rules& rules, const ModelConfig& config) {
  rules.number("norm epsilon", config.norm_epsilon, 0, 1);
  rules.number("attention scale", config.attention_scale, -kScaleMax, kScaleMax);
  rules.number("attention soft cap", config.attention_softcap, 0, kScaleMax);
  rules.number("logit soft cap", config.logit_softcap, 0, kScaleMax);
  rules.number("embedding scale", config.embedding_scale, -kScaleMax, kScaleMax);
  rules.number("residual scale", config.residual_scale, -kScaleMax, kScaleMax);
  rules.number("logit scale", config.logit_scale, -kScaleMax, kScaleMax);
  rules.number("activation limit", config.activation_limit, 0, kScaleMax);
}

}  // namespace

bool ModelConfig::has_dense_layer() const {
  return std::any_of(layers.begin(), layers.end(), [](const LayerConfig& l) { return !l.experts; });
}

uint32_t ModelConfig::max_ffn_dim() const {
  return std::max(has_dense_layer() ? ffn_dim : 0, experts.shared_dim);
}

uint32_t ModelConfig::words_max() const {
  uint32_t most = vocabulary;
  for (int r = 0; is_shard() && r < shard.ranks; ++r) {
    const auto border = shard.word_borders.begin() + r;
    most = std::max(most, border[1] - border[0]);
  }
  return most;
}

Status ModelConfig::validate() const {
  Rules rules(architecture);
  rules.size("layers", layers.size(), kLayersMax);
  rules.size("embedding length", dim, kDimMax);
  rules.size("heads", heads, kHeadsMax);
  rules.size("key and value heads", kv_heads, heads);
  rules.that(kv_heads == 0 || heads % kv_heads == 0,
             "heads: expected a multiple of the key and value heads");
  rules.size("head length", head_dim, kHeadDimMax);
  rules.size("vocabulary", vocabulary, kVocabularyMax);
  rules.size("context length", context, kContextMax);
  rules.size_or_none("learned positions", learned_positions, kContextMax);
  rules.that(pre_norm || post_norm, "norms: expected some before or behind each part");
  check_experts(rules, *this);
  check_layers(rules, *this);
  check_numbers(rules, *this);
  return std::move(rules).status();
}

}  // namespace llmos
