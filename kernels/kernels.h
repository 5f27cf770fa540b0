// SPDX-License-Identifier: Apache-2.0
// The operations that a transformer is made of: one flat struct of parameters for each, and the
// table of functions that a kernel set fills. A set is a plain loop (ref/), the CPU's vector units
// (cpu/) or a GPU (cuda/).
//
// Calling   Every member of a team calls the function with the same parameters and its own place in
//           the team (Launch); it computes its share and returns. An operation never waits for
//           another member: who needs its result waits for the whole team (device/stream.h).
// Shapes    [a, b] is row-major, b contiguous. Where a `stride` is given, it counts elements from
//           one row to the next, so that a part of a wider row can be read or written in place.
// Exact     What an output element is does not depend on which other rows are computed with it, on
//           the team's size, or on the rank: sums run in a fixed order. So a token's result is the
//           same alone, in a chunk, or in a batch.
// Aliasing  Outputs overlap no input, but where the comment says "in place".
// Failure   None. Whoever fills the parameters has checked every size and index.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace llmos::kernels {

// The largest head of attention and rope: their working memory for one is on the stack. The models
// in use have 64 to 256; the next power of two.
inline constexpr int64_t kHeadDimMax = 512;

// Whether a matrix of weights may have this type: all but the integers and F64.
constexpr bool is_weight_dtype(DType dtype) { return dtype <= DType::kMXFP4; }

// Where a member stands in the team that executes an operation.
struct Launch {
  int rank = 0;
  int size = 1;
  void* stream = nullptr;  // CUDA only
};

// A weight matrix, or a stack of them, as it lies in memory: [matrices, rows, columns]. A packed
// one was made by the same set's `pack`; only products take it.
struct Matrix {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  bool packed = false;
  int64_t rows = 0;
  int64_t columns = 0;
  size_t row_bytes = 0;     // packed: of KernelTable::pack_rows rows together
  size_t matrix_bytes = 0;  // from one expert to the next
};

// Activations quantised for packed weights: a row is a cell for every 32 columns, each a cache
// line; what is in it is the set's affair. An odd number of lines from row to row, so that the same
// column of several rows does not fall into one set of a cache.
inline constexpr size_t kCellBytes = 64;
inline constexpr int64_t kCellColumns = 32;
constexpr size_t quantized_row_bytes(int64_t columns) {
  return (size_t((columns + kCellColumns - 1) / kCellColumns) | 1) * kCellBytes;
}

// A product's rows are shared in units of so many, and so are the columns of an activation: what a
// member activates is what it computed, so that no barrier is needed between the two.
inline constexpr int64_t kShareRows = 32;

// Quantises rows of activations. Columns are whole cells. Operations that have a member `cells`
// write them too, at once: the form of `out` here, with as many columns as their own output.
struct QuantizeParams {
  std::byte* out = nullptr;   // [tokens], quantized_row_bytes(columns) each; aligned to kCellBytes
  const float* in = nullptr;  // [tokens, columns]
  int64_t in_stride = 0;
  int64_t tokens = 0;
  int64_t columns = 0;
};

// Packs rows of one matrix of weights: all, or a window that begins at a multiple of pack_rows and,
// but for the last, holds a multiple of them.
struct PackParams {
  std::byte* out = nullptr;       // of the window's first row; aligned to kCellBytes
  const std::byte* in = nullptr;  // [rows], row_bytes each
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t columns = 0;
  size_t row_bytes = 0;
};

// out[t, :] (+)= scale * table[ids[t], :]
struct EmbedParams {
  float* out = nullptr;          // [tokens, table.columns]
  Matrix table;                  // [vocabulary, columns]
  const int32_t* ids = nullptr;  // [tokens], each below table.rows
  int64_t tokens = 0;
  float scale = 1;
  bool accumulate = false;  // adds to `out`: learned positions
};

// out[t, r] (+)= scale * (sum over c of in[t, c] * weight[r, c]  +  bias[r])
struct MatmulParams {
  float* out = nullptr;  // [tokens, weight.rows]
  int64_t out_stride = 0;
  const float* in = nullptr;  // [tokens, weight.columns]
  int64_t in_stride = 0;
  const std::byte* quantized = nullptr;  // packed weights read this instead: [tokens]
  Matrix weight;
  const float* bias = nullptr;  // [rows], or null
  int64_t tokens = 0;
  float scale = 1;
  bool accumulate = false;  // adds to `out`: a residual connection
};

// The same for a mixture of experts. A *slot* is one expert's work on one token; slot s reads row
// s / slots_per_input of `in` and uses matrix experts[s].
struct ExpertMatmulParams {
  float* out = nullptr;                  // [slots, weight.rows]
  const float* in = nullptr;             // [slots / slots_per_input, weight.columns]
  const std::byte* quantized = nullptr;  // packed weights read this instead
  Matrix weight;                         // [experts, rows, columns]
  const float* bias = nullptr;           // [experts, rows], or null
  const int32_t* experts = nullptr;      // [slots]
  int64_t slots = 0;
  int64_t slots_per_input = 1;
  int64_t expert_count = 0;
};

enum class Routing : uint8_t {
  kSoftmaxAll,         // weights are the softmax over all experts
  kSoftmaxNormalized,  // the same, then divided by the sum of the chosen
  kSoftmaxChosen,      // weights are the softmax over the chosen logits only
};

// Chooses the experts of each token: those with the largest logits, of equal ones the first.
struct RouteParams {
  int32_t* experts = nullptr;     // [tokens, chosen], largest first
  float* weights = nullptr;       // [tokens, chosen]
  const float* logits = nullptr;  // [tokens, expert_count]
  int64_t tokens = 0;
  int64_t expert_count = 0;
  int64_t chosen = 0;
  Routing routing = Routing::kSoftmaxAll;
  float scale = 1;  // of the weights
};

// out[t, :] += scale * sum over k of weights[t, k] * in[t * chosen + k, :]
struct CombineParams {
  float* out = nullptr;  // [tokens, columns]
  int64_t out_stride = 0;
  const float* in = nullptr;       // [tokens * chosen, columns]
  const float* weights = nullptr;  // [tokens, chosen]
  int64_t tokens = 0;
  int64_t columns = 0;
  int64_t chosen = 0;
  float scale = 1;
};

enum class NormKind : uint8_t {
  kRms,    // x / sqrt(mean(x^2) + epsilon)
  kLayer,  // (x - mean(x)) / sqrt(variance(x) + epsilon)
};

// out[r, :] = norm(in[r, :]) * weight + bias. May be in place. Rows are tokens, or heads.
struct NormParams {
  float* out = nullptr;  // [rows, columns]; null: only cells
  int64_t out_stride = 0;
  const float* in = nullptr;  // [rows, columns]
  int64_t in_stride = 0;
  const float* weight = nullptr;  // [columns], or null for 1
  const float* bias = nullptr;    // [columns], or null for 0
  int64_t rows = 0;
  int64_t columns = 0;
  float epsilon = 0;
  NormKind kind = NormKind::kRms;
  std::byte* cells = nullptr;  // the result quantised, or null; not in place
};

// Rotates pairs of each head in place: (a, b) -> (a cos - b sin, b cos + a sin) with the angle
// position * inverse_frequency[pair], both scaled by `magnitude`. Pair i is (2 i, 2 i + 1) when
// interleaved, else (i, i + rotary / 2); elements from `rotary` on stay.
struct RopeParams {
  float* x = nullptr;                        // [tokens, heads, head_dim], heads contiguous
  int64_t stride = 0;                        // from token to token
  const int32_t* positions = nullptr;        // [tokens]
  const float* inverse_frequency = nullptr;  // [sets, rotary / 2]
  const int32_t* frequency_set = nullptr;    // [tokens], or null for set 0
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;
  int64_t rotary = 0;  // even, at most head_dim
  float magnitude = 1;
  bool interleaved = false;
};

// The keys and values of one layer in a paged cache. Block b begins b * block_bytes behind `keys`
// and `values`; in it lie [kv_heads, block_tokens, head_dim] elements of `dtype`.
struct KvLayer {
  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  size_t block_bytes = 0;     // from one block to the next
  DType dtype = DType::kF32;  // F32, F16, BF16 or Q8_0
  int64_t block_tokens = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
};

// Stores the keys and values of new tokens at slots[t] = block * block_tokens + place in the block.
struct KvWriteParams {
  KvLayer cache;
  const float* keys = nullptr;  // [tokens, kv_heads, head_dim]
  int64_t keys_stride = 0;      // from token to token
  const float* values = nullptr;
  int64_t values_stride = 0;
  const int64_t* slots = nullptr;  // [tokens]; negative: not stored
  int64_t tokens = 0;
  RopeParams rope{};  // of the keys, in place before they are stored; none without `x`
};

// The part of a batch that belongs to one sequence: a prefill chunk or one decoded token.
struct AttentionSpan {
  int64_t first = 0;     // its first token in the batch
  int64_t tokens = 0;    // how many
  int64_t position = 0;  // of the first; keys of 0 .. position + tokens - 1 are in the cache
  const int32_t* blocks = nullptr;  // the sequence's block table, ceil(keys / block_tokens) long
};

// out[t, h, :] = sum over keys j of softmax_j(cap(scale * q[t, h] . k[j])) * v[j], where j runs
// over the keys of the same sequence from max(0, i - window + 1) to the token's own position i.
// Query head h reads kv head h / (heads / kv_heads).
struct AttentionParams {
  float* out = nullptr;  // [tokens, heads, head_dim]
  int64_t out_stride = 0;
  const float* queries = nullptr;  // [tokens, heads, head_dim]
  int64_t queries_stride = 0;
  KvLayer cache;
  const AttentionSpan* spans = nullptr;  // [span_count], covering the tokens once
  int64_t span_count = 0;
  int64_t tokens = 0;
  int64_t heads = 0;
  float scale = 1;
  float softcap = 0;             // cap(x) = softcap * tanh(x / softcap); 0: none
  int64_t window = 0;            // 0: all keys
  const float* sinks = nullptr;  // [heads]: one more logit that takes weight and gives no value
  // The result quantised, [tokens, heads * head_dim], or null. A head is whole cells then.
  std::byte* cells = nullptr;
};

enum class Activation : uint8_t {
  kSilu,      // x * sigmoid(x)
  kGelu,      // exact, by erf
  kGeluTanh,  // the tanh approximation
  kRelu,
  // gpt-oss: with g = min(gate, limit) and u = clamp(up, -limit, limit):
  // g * sigmoid(1.702 g) * (u + 1)
  kClampedSwiglu,
};

// out = activation(gate) * up; without `up` only the activation. May be in place of gate. A
// member's share are columns, in units of kShareRows.
struct ActivateParams {
  float* out = nullptr;  // [rows, columns]; null: only cells
  int64_t out_stride = 0;
  const float* gate = nullptr;  // [rows, columns]
  int64_t gate_stride = 0;
  const float* up = nullptr;  // [rows, columns], or null
  int64_t up_stride = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  Activation activation = Activation::kSilu;
  float limit = 0;             // kClampedSwiglu
  std::byte* cells = nullptr;  // the result quantised, or null
};

// out[r, :] += scale * gate(r) * in[r, :], gate(r) = sigmoid(gates[r]), or 1 without gates.
struct AddParams {
  float* out = nullptr;  // [rows, columns]
  int64_t out_stride = 0;
  const float* in = nullptr;  // [rows, columns]
  int64_t in_stride = 0;
  const float* gates = nullptr;  // [rows], or null
  int64_t rows = 0;
  int64_t columns = 0;
  float scale = 1;
};

// out[i, :] = in[index[i], :]: the rows whose logits are wanted.
struct GatherParams {
  float* out = nullptr;            // [rows, columns]
  const float* in = nullptr;       // [.., columns]
  const int32_t* index = nullptr;  // [rows]
  int64_t rows = 0;
  int64_t columns = 0;
};

// x = cap(scale * x) in place.
struct CapParams {
  float* x = nullptr;  // [rows, columns]
  int64_t rows = 0;
  int64_t columns = 0;
  float scale = 1;
  float softcap = 0;  // as in attention; 0: none
};

template <class Params>
using Kernel = void (*)(const Params&, const Launch&);

// One kernel set. Every function is there; a set takes one that it does not have from ref.
struct KernelTable {
  const char* name = nullptr;  // "ref", "generic", "avx2", "avx512", "neon", "cuda"
  Kernel<EmbedParams> embed = nullptr;
  Kernel<MatmulParams> matmul = nullptr;
  Kernel<ExpertMatmulParams> expert_matmul = nullptr;
  Kernel<RouteParams> route = nullptr;
  Kernel<CombineParams> combine = nullptr;
  Kernel<NormParams> norm = nullptr;
  Kernel<RopeParams> rope = nullptr;
  Kernel<KvWriteParams> kv_write = nullptr;
  Kernel<AttentionParams> attention = nullptr;
  Kernel<ActivateParams> activate = nullptr;
  Kernel<AddParams> add = nullptr;
  Kernel<GatherParams> gather = nullptr;
  Kernel<CapParams> cap = nullptr;
  // A set that has packed weights: how many rows it interleaves, the bytes that so many rows of a
  // type take (0: stays as it is), and what makes them. Without, pack_rows is 0.
  int64_t pack_rows = 0;
  size_t (*packed_bytes)(DType dtype, int64_t columns) = nullptr;
  Kernel<PackParams> pack = nullptr;
  Kernel<QuantizeParams> quantize = nullptr;
};

}  // namespace llmos::kernels
