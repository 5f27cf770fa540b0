// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"

namespace llmos {

void Step::run() const {
  embed();
  for (size_t i = 0; i < c.layers.size(); ++i) layer(c.layers[i], weights_.layers[i], int64_t(i));
  if (!batch_.logit_rows.empty()) logits();
}

// x[tokens, dim] = embedding[ids] * scale (+ positions[position])
void Step::embed() const {
  stream_.launch(ops_.embed, {.out = w.x,
                              .table = weights_.embedding,
                              .ids = link_ ? w.own_ids : batch_.ids.data(),
                              .tokens = tokens_,
                              .scale = c.embedding_scale});
  if (link_) {
    stream_.launch(exchange::keep_own_rows,
                   {.x = w.x,
                    .ids = batch_.ids.data(),
                    .tokens = tokens_,
                    .columns = c.dim,
                    .first = int32_t(c.shard.word_borders[size_t(c.shard.rank)]),
                    .count = int32_t(c.vocabulary)});
    reduce(w.x, tokens_ * c.dim);
  }
  if (c.learned_positions == 0) return;
  stream_.launch(ops_.embed, {.out = w.x,
                              .table = weights_.positions,
                              .ids = w.positions,
                              .tokens = tokens_,
                              .accumulate = true});
}

void Step::layer(const LayerConfig& config, const Layer& l, int64_t index) const {
  const Form attention_form = form_of({&l.query.weight, &l.key.weight, &l.value.weight});
  if (c.pre_norm) {
    norm_input(w.normed, l.attention_norm, attention_form);
    // Before attention adds to x, if both parts are to read the same.
    if (c.parallel_residual)
      stream_.launch_beside(ops_.norm, norm(w.ffn_normed, l.ffn_norm, w.x, tokens_, c.dim));
  } else {
    quantize(w.x, tokens_, c.dim, attention_form);
  }
  attention(config, l, index);
  const Form ffn_form =
      config.experts ? form_of({&l.router.weight, &l.experts.gate.weight, &l.experts.up.weight,
                                &l.shared.gate.weight, &l.shared.up.weight, &l.shared_gate.weight})
                     : form_of({&l.ffn.gate.weight, &l.ffn.up.weight});
  if (c.pre_norm && !c.parallel_residual) {
    norm_input(w.ffn_normed, l.ffn_norm, ffn_form);
  } else {
    quantize(c.pre_norm ? w.ffn_normed : w.x, tokens_, c.dim, ffn_form);
  }
  if (config.experts) {
    mixture(l);
  } else {
    feed_forward(l);
  }
}

// Every token asks with its queries, every key that it may see answers with its weight, and the
// values come back in those proportions.
void Step::attention(const LayerConfig& config, const Layer& l, int64_t index) const {
  project(l);
  norm_heads(l);
  const kernels::KvLayer cache = cache_.layer(index);
  rotate_and_store(config.rope, cache);
  const Form form = form_of({&l.output.weight});
  const bool quantizes = form.cells && c.head_dim % kernels::kCellColumns == 0;
  stream_.launch(ops_.attention, {.out = w.attended,
                                  .out_stride = c.query_dim(),
                                  .queries = w.queries,
                                  .queries_stride = c.query_dim(),
                                  .cache = cache,
                                  .spans = batch_.spans.data(),
                                  .span_count = int64_t(batch_.spans.size()),
                                  .tokens = tokens_,
                                  .heads = c.heads,
                                  .scale = c.attention_scale,
                                  .softcap = c.attention_softcap,
                                  .window = config.window,
                                  .sinks = l.sinks,
                                  .cells = quantizes ? w.cells : nullptr});
  if (!quantizes) quantize(w.attended, tokens_, c.query_dim(), form);
  add_to_stream(l.output, w.attended, w.cells, l.attention_post_norm);
}

// queries [tokens, heads * head_dim], keys and values [tokens, kv_heads * head_dim]
void Step::project(const Layer& l) const {
  const float* const in = c.pre_norm ? w.normed : w.x;
  stream_.launch(ops_.matmul, linear(w.queries, l.query, in));
  stream_.launch_beside(ops_.matmul, linear(w.keys, l.key, in));
  stream_.launch_beside(ops_.matmul, linear(w.values, l.value, in));
}

void Step::norm_heads(const Layer& l) const {
  if (c.qk_norm == QkNorm::kNone) return;
  const bool whole = c.qk_norm == QkNorm::kWhole;
  if (whole && link_) return norm_divided_heads(l);
  const int64_t per_query = whole ? 1 : c.heads, per_key = whole ? 1 : c.kv_heads;
  stream_.launch(ops_.norm, norm(w.queries, l.query_norm, w.queries, tokens_ * per_query,
                                 c.query_dim() / per_query));
  stream_.launch_beside(ops_.norm,
                        norm(w.keys, l.key_norm, w.keys, tokens_ * per_key, c.kv_dim() / per_key));
}

// As one row over all heads, of which this rank has some.
void Step::norm_divided_heads(const Layer& l) const {
  stream_.launch(exchange::square_sums,
                 {.squares = w.squares, .x = w.queries, .rows = tokens_, .columns = c.query_dim()});
  stream_.launch_beside(exchange::square_sums, {.squares = w.squares + tokens_,
                                                .x = w.keys,
                                                .rows = tokens_,
                                                .columns = c.kv_dim(),
                                                .counts = c.shard.first_replica});
  reduce(w.squares, 2 * tokens_);
  stream_.launch(exchange::norm_whole, {.x = w.queries,
                                        .squares = w.squares,
                                        .weight = l.query_norm.weight,
                                        .rows = tokens_,
                                        .columns = c.query_dim(),
                                        .whole_columns = c.shard.query_dim,
                                        .epsilon = c.norm_epsilon});
  stream_.launch_beside(exchange::norm_whole, {.x = w.keys,
                                               .squares = w.squares + tokens_,
                                               .weight = l.key_norm.weight,
                                               .rows = tokens_,
                                               .columns = c.kv_dim(),
                                               .whole_columns = c.shard.kv_dim,
                                               .epsilon = c.norm_epsilon});
}

void Step::rotate_and_store(LayerConfig::Rope which, const kernels::KvLayer& cache) const {
  const bool rotates = which != LayerConfig::Rope::kNone;
  stream_.launch(ops_.kv_write,
                 {.cache = cache,
                  .keys = w.keys,
                  .keys_stride = c.kv_dim(),
                  .values = w.values,
                  .values_stride = c.kv_dim(),
                  .slots = w.slots,
                  .tokens = tokens_,
                  .rope = rotates ? rope(w.keys, c.kv_heads, which) : kernels::RopeParams{}});
  if (rotates) stream_.launch_beside(ops_.rope, rope(w.queries, c.heads, which));
}

// x += down(act(gate(x)) * up(x))
void Step::feed_forward(const Layer& l) const {
  hidden(l.ffn, c.ffn_dim);
  add_to_stream(l.ffn.down, c.gated ? w.gate : w.up, w.hidden_cells, l.ffn_post_norm);
}

// act(gate(x)) * up(x) in w.gate, or act(up(x)) in w.up: [tokens, size]; in the form that the next
// product reads.
void Step::hidden(const FeedForward& part, int64_t size) const {
  const float* const in = c.pre_norm ? w.ffn_normed : w.x;
  stream_.launch(ops_.matmul, linear(w.up, part.up, in));
  if (c.gated) stream_.launch_beside(ops_.matmul, linear(w.gate, part.gate, in));
  activate_own(
      c.gated ? activate(w.gate, w.up, tokens_, size) : activate(w.up, nullptr, tokens_, size),
      form_of({&part.down.weight}));
}

// Each member activates the columns that it has computed: it need not wait for the others, which
// may still read w.cells.
void Step::activate_own(kernels::ActivateParams params, const Form& form) const {
  if (!form.floats) params.out = nullptr;
  params.cells = form.cells ? w.hidden_cells : nullptr;
  stream_.launch_beside(ops_.activate, params);
}

// x += sum over the chosen experts of weight * down(act(gate(x)) * up(x))
void Step::mixture(const Layer& l) const {
  const ExpertsConfig& e = c.experts;
  const float* const in = c.pre_norm ? w.ffn_normed : w.x;
  stream_.launch(ops_.matmul, linear(w.router_logits, l.router, in));
  stream_.launch(ops_.route, {.experts = w.chosen,
                              .weights = w.chosen_weights,
                              .logits = w.router_logits,
                              .tokens = tokens_,
                              .expert_count = e.count,
                              .chosen = e.chosen,
                              .routing = e.routing,
                              .scale = e.scale});
  if (c.shard.held_experts > 0) {
    stream_.launch(exchange::keep_own_experts, {.experts = w.chosen,
                                                .weights = w.chosen_weights,
                                                .slots = tokens_ * e.chosen,
                                                .first = int32_t(c.shard.first_expert),
                                                .count = int32_t(c.shard.held_experts)});
  }
  stream_.launch(ops_.expert_matmul, experts(w.slot_gate, l.experts.gate, in, w.cells, e.chosen));
  stream_.launch_beside(ops_.expert_matmul,
                        experts(w.slot_up, l.experts.up, in, w.cells, e.chosen));
  activate_own(activate(w.slot_gate, w.slot_up, tokens_ * e.chosen, e.dim),
               form_of({&l.experts.down.weight}));
  stream_.launch(ops_.expert_matmul,
                 experts(w.slot_out, l.experts.down, w.slot_gate, w.hidden_cells, 1));
  combine();
  if (e.shared_dim > 0) shared_expert(l);
  if (!link_) return;
  reduce(w.mixed, tokens_ * c.dim);
  add_to_x(w.mixed);
}

void Step::add_to_x(const float* rows) const {
  stream_.launch(ops_.add, {.out = w.x,
                            .out_stride = c.dim,
                            .in = rows,
                            .in_stride = c.dim,
                            .rows = tokens_,
                            .columns = c.dim,
                            .scale = c.residual_scale});
}

// The experts' results into x; of a shard, into what is still to be summed.
void Step::combine() const {
  if (link_) stream_.launch_beside(exchange::clear, {.data = w.mixed, .count = tokens_ * c.dim});
  stream_.launch(ops_.combine, {.out = link_ ? w.mixed : w.x,
                                .out_stride = c.dim,
                                .in = w.slot_out,
                                .weights = w.chosen_weights,
                                .tokens = tokens_,
                                .columns = c.dim,
                                .chosen = c.experts.chosen,
                                .scale = link_ ? 1 : c.residual_scale});
}

// x += sigmoid(gate . x) * down(act(gate(x)) * up(x)): one more expert, for every token
void Step::shared_expert(const Layer& l) const {
  hidden(l.shared, c.experts.shared_dim);
  stream_.launch(ops_.matmul, linear(w.part, l.shared.down, w.gate, w.hidden_cells));
  if (c.experts.shared_gate) {
    stream_.launch_beside(ops_.matmul,
                          linear(w.shared_gates, l.shared_gate, c.pre_norm ? w.ffn_normed : w.x));
  }
  stream_.launch(ops_.add, {.out = link_ ? w.mixed : w.x,
                            .out_stride = c.dim,
                            .in = w.part,
                            .in_stride = c.dim,
                            .gates = c.experts.shared_gate ? w.shared_gates : nullptr,
                            .rows = tokens_,
                            .columns = c.dim,
                            .scale = link_ ? 1 : c.residual_scale});
}

// logits[rows, vocabulary] = softcap(scale * head(norm(x[rows])))
void Step::logits() const {
  const int64_t rows = int64_t(batch_.logit_rows.size());
  stream_.launch(ops_.gather, {.out = w.picked,
                               .in = w.x,
                               .index = batch_.logit_rows.data(),
                               .rows = rows,
                               .columns = c.dim});
  stream_.launch(ops_.norm, norm(w.picked, weights_.output_norm, w.picked, rows, c.dim));
  quantize(w.picked, rows, c.dim, form_of({&weights_.head.weight}));
  stream_.launch(ops_.matmul, {.out = link_ ? w.words : w.logits,
                               .out_stride = c.vocabulary,
                               .in = w.picked,
                               .in_stride = c.dim,
                               .quantized = w.cells,
                               .weight = weights_.head.weight,
                               .tokens = rows,
                               .scale = c.logit_scale});
  if (link_) gather_words(rows);
  if (c.logit_softcap == 0) return;
  stream_.launch(
      ops_.cap,
      {.x = w.logits, .rows = rows, .columns = c.all_words(), .softcap = c.logit_softcap});
}

void Step::gather_words(int64_t rows) const {
  stream_.launch(exchange::gather_words, {.link = link_,
                                          .own = w.words,
                                          .gathered = w.gathered,
                                          .logits = w.logits,
                                          .borders = c.shard.word_borders.data(),
                                          .rows = rows,
                                          .words_max = c.words_max()});
}

void Step::reduce(float* data, int64_t count) const {
  stream_.launch(exchange::reduce, {.link = link_, .data = data, .count = count});
}

void Step::add_to_stream(const Linear& l, const float* in, const std::byte* cells,
                         const Norm& post_norm) const {
  if (!c.post_norm && !link_) {
    kernels::MatmulParams params = linear(w.x, l, in, cells);
    params.scale = c.residual_scale;
    params.accumulate = true;
    return stream_.launch(ops_.matmul, params);
  }
  stream_.launch(ops_.matmul, linear(w.part, l, in, cells));
  if (link_) reduce(w.part, tokens_ * c.dim);
  if (c.post_norm) stream_.launch(ops_.norm, norm(w.part, post_norm, w.part, tokens_, c.dim));
  add_to_x(w.part);
}

Step::Form Step::form_of(std::initializer_list<const kernels::Matrix*> readers) {
  Form form;
  for (const kernels::Matrix* reader : readers) {
    if (!reader->data) continue;
    form.cells |= reader->packed;
    form.floats |= !reader->packed;
  }
  return form;
}

void Step::norm_input(float* out, const Norm& n, const Form& form) const {
  kernels::NormParams params = norm(form.floats ? out : nullptr, n, w.x, tokens_, c.dim);
  if (form.cells) params.cells = w.cells;
  stream_.launch(ops_.norm, params);
}

void Step::quantize(const float* in, int64_t rows, int64_t columns, const Form& form) const {
  if (!form.cells) return;
  stream_.launch(
      ops_.quantize,
      {.out = w.cells, .in = in, .in_stride = columns, .tokens = rows, .columns = columns});
}

kernels::MatmulParams Step::linear(float* out, const Linear& l, const float* in,
                                   const std::byte* cells) const {
  return {.out = out,
          .out_stride = l.weight.rows,
          .in = in,
          .in_stride = l.weight.columns,
          .quantized = cells ? cells : w.cells,
          .weight = l.weight,
          .bias = l.bias,
          .tokens = tokens_};
}

kernels::ExpertMatmulParams Step::experts(float* out, const Linear& l, const float* in,
                                          const std::byte* cells, int64_t slots_per_input) const {
  return {.out = out,
          .in = in,
          .quantized = cells,
          .weight = l.weight,
          .bias = l.bias,
          .experts = w.chosen,
          .slots = tokens_ * c.experts.chosen,
          .slots_per_input = slots_per_input,
          .expert_count = c.held_experts()};
}

kernels::NormParams Step::norm(float* out, const Norm& n, const float* in, int64_t rows,
                               int64_t columns) const {
  return {.out = out,
          .out_stride = columns,
          .in = in,
          .in_stride = columns,
          .weight = n.weight,
          .bias = n.bias,
          .rows = rows,
          .columns = columns,
          .epsilon = c.norm_epsilon,
          .kind = c.norm};
}

kernels::RopeParams Step::rope(float* x, int64_t heads, LayerConfig::Rope which) const {
  const bool local = which == LayerConfig::Rope::kLocal;
  const RopeConfig& config = local ? c.local_rope : c.rope;
  return {.x = x,
          .stride = heads * c.head_dim,
          .positions = w.positions,
          .inverse_frequency = local ? w.local_frequencies : w.frequencies,
          .frequency_set = c.rope_set_count() > 1 && !local ? w.frequency_sets : nullptr,
          .tokens = tokens_,
          .heads = heads,
          .head_dim = c.head_dim,
          .rotary = config.rotary,
          .magnitude = config.magnitude,
          .interleaved = config.interleaved};
}

kernels::ActivateParams Step::activate(float* gate, float* up, int64_t rows,
                                       int64_t columns) const {
  return {.out = gate,
          .out_stride = columns,
          .gate = gate,
          .gate_stride = columns,
          .up = up,
          .up_stride = columns,
          .rows = rows,
          .columns = columns,
          .activation = c.activation,
          .limit = c.activation_limit};
}

}  // namespace llmos
