// SPDX-License-Identifier: Apache-2.0
// Anatomy: the parts of a transformer, with whatever one wants to know about them in their places.
//
// Filled with tensor names (TensorSource) it says where a file keeps each part; filled with
// matrices it is the loaded model. visit_parts() walks both at once and states, in one page, the
// shape of every weight that a transformer has.
#pragma once

#include <vector>

#include "model/model_config.h"

namespace llmos {

// Matrix and Vector are what stands for a weight matrix and a row of floats; an empty one is a part
// that the model does not have.
template <class Matrix, class Vector>
struct Anatomy {
  struct Linear {  // y = weight x + bias
    Matrix weight{};
    Vector bias{};
  };
  struct Norm {
    Vector weight{};
    Vector bias{};
  };
  struct FeedForward {
    Linear gate, up, down;
  };
  struct Layer {
    Norm attention_norm;
    Linear query, key, value;
    Norm query_norm, key_norm;
    Vector sinks{};
    Linear output;
    Norm attention_post_norm;

    Norm ffn_norm;
    FeedForward ffn;      // where the layer has no experts
    Linear router;        // from here on where it has
    FeedForward experts;  // each matrix a stack of them
    FeedForward shared;
    Linear shared_gate;
    Norm ffn_post_norm;
  };

  Matrix embedding{};
  Matrix positions{};
  std::vector<Layer> layers;
  Norm output_norm;
  Linear head;
};

// Calls for every part that the model has, in the order in which a token meets them:
//   visit.matrix(source, matrices, rows, columns, into)    a weight [matrices, rows, columns]
//   visit.vector(source, matrices, size, into)             a row of floats [matrices, size]
// `From` and `To` are two anatomies; `to.layers` has as many layers as the configuration.
template <class From, class To, class Visitor>
class PartsWalk {
 public:
  PartsWalk(const ModelConfig& config, const From& from, To& to, Visitor& visit)
      : c(config), from_(from), to_(to), visit_(visit) {}

  void walk() {
    visit_.matrix(from_.embedding, 1, c.vocabulary, c.dim, to_.embedding);
    if (c.learned_positions > 0)
      visit_.matrix(from_.positions, 1, c.learned_positions, c.dim, to_.positions);
    for (size_t i = 0; i < c.layers.size(); ++i) layer(c.layers[i], from_.layers[i], to_.layers[i]);
    norm(from_.output_norm, c.dim, to_.output_norm);
    if (!c.tied_head) linear(false, from_.head, c.vocabulary, c.dim, to_.head);
  }

 private:
  template <class A, class B>
  void layer(const LayerConfig& l, const A& a, B& b) {
    if (c.pre_norm) norm(a.attention_norm, c.dim, b.attention_norm);
    linear(c.qkv_bias, a.query, c.query_dim(), c.dim, b.query);
    linear(c.qkv_bias, a.key, c.kv_dim(), c.dim, b.key);
    linear(c.qkv_bias, a.value, c.kv_dim(), c.dim, b.value);
    if (c.qk_norm != QkNorm::kNone) {
      const bool whole = c.qk_norm == QkNorm::kWhole;
      visit_.vector(a.query_norm.weight, 1, whole ? c.query_dim() : c.head_dim,
                    b.query_norm.weight);
      visit_.vector(a.key_norm.weight, 1, whole ? c.kv_dim() : c.head_dim, b.key_norm.weight);
    }
    if (c.sinks) visit_.vector(a.sinks, 1, c.heads, b.sinks);
    linear(c.output_bias, a.output, c.dim, c.query_dim(), b.output);
    if (c.post_norm) norm(a.attention_post_norm, c.dim, b.attention_post_norm);

    if (c.pre_norm) norm(a.ffn_norm, c.dim, b.ffn_norm);
    if (l.experts) {
      mixture(a, b);
    } else {
      feed_forward(c.ffn_bias, a.ffn, 1, c.ffn_dim, b.ffn);
    }
    if (c.post_norm) norm(a.ffn_post_norm, c.dim, b.ffn_post_norm);
  }

  template <class A, class B>
  void mixture(const A& a, B& b) {
    const ExpertsConfig& e = c.experts;
    linear(e.router_bias, a.router, e.count, c.dim, b.router);
    feed_forward(e.bias, a.experts, c.held_experts(), e.dim, b.experts);
    if (e.shared_dim > 0) feed_forward(false, a.shared, 1, e.shared_dim, b.shared);
    if (e.shared_gate) linear(false, a.shared_gate, 1, c.dim, b.shared_gate);
  }

  template <class A, class B>
  void feed_forward(bool bias, const A& a, uint32_t matrices, uint32_t hidden, B& b) {
    if (c.gated) stack(bias, a.gate, matrices, hidden, c.dim, b.gate);
    stack(bias, a.up, matrices, hidden, c.dim, b.up);
    stack(bias, a.down, matrices, c.dim, hidden, b.down);
  }

  template <class A, class B>
  void linear(bool bias, const A& a, uint32_t rows, uint32_t columns, B& b) {
    stack(bias, a, 1, rows, columns, b);
  }

  template <class A, class B>
  void stack(bool bias, const A& a, uint32_t matrices, uint32_t rows, uint32_t columns, B& b) {
    visit_.matrix(a.weight, matrices, rows, columns, b.weight);
    if (bias) visit_.vector(a.bias, matrices, rows, b.bias);
  }

  template <class A, class B>
  void norm(const A& a, uint32_t size, B& b) {
    visit_.vector(a.weight, 1, size, b.weight);
    if (c.norm_bias) visit_.vector(a.bias, 1, size, b.bias);
  }

  const ModelConfig& c;
  const From& from_;
  To& to_;
  Visitor& visit_;
};

template <class From, class To, class Visitor>
void visit_parts(const ModelConfig& config, const From& from, To& to, Visitor& visit) {
  PartsWalk(config, from, to, visit).walk();
}

}  // namespace llmos
