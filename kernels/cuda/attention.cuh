// SPDX-License-Identifier: Apache-2.0
// Attention over the paged cache, for prefill chunks and single tokens alike: one kernel, so that
// a token's result has the same bits in both. Bound: bytes of the cache for single tokens, the
// tensor cores for chunks.
//
// Rows     The query heads of a group share one kv head: a *row* is (token, head of the group),
//          and a warp has 16 rows, the m of mma.m16n8k16. A block is one warp for single tokens,
//          four for chunks, over the same keys.
// Keys     come in tiles of 32 through two stages of shared memory: cp.async fills one while the
//          other is used. 8-bit caches are widened to f16 on the way.
// Splits   Keys are cut at fixed positions, multiples of split_keys. A split has its own running
//          maximum, sum and values; splits are merged in order, by merge_state, either in the block
//          (chunks: totals in shared memory) or by merge_splits (grid.z blocks, parts in the
//          workspace). Both ways give the same bits, as tiles without a visible key change nothing.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kTileKeys = 32;
inline constexpr int kWarpRows = 16;
inline constexpr int kMergeThreads = 128;
inline constexpr float kLog2e = 1.4426950408889634f;

struct AttentionPlan {
  int64_t split_keys;  // a multiple of kTileKeys
  int64_t splits;      // grid.z: 1, or one for each split that may exist
  float* parts;        // [tokens * heads, splits, head_dim]; null: blocks merge themselves
  float* states;       // [tokens * heads, splits, 2]: maximum and sum
};

// The place of an element in a stage: rows are 16 bytes apart from a multiple of 128, so that the
// eight rows of an ldmatrix lie in different banks.
template <int Dim>
inline constexpr int kTileRow = Dim + 8;
template <int Dim>
inline constexpr size_t kStageBytes = size_t{2} * kTileKeys* kTileRow<Dim> * sizeof(uint16_t);

// Two stages, then the totals when blocks merge themselves.
template <int Dim>
__host__ __device__ constexpr size_t attention_shared_bytes(int warps, bool merges) {
  return 2 * kStageBytes<Dim> + (merges ? size_t(warps) * kWarpRows * Dim * sizeof(float) : 0);
}

// A running softmax: values are sums of 2^(score - maximum) * v.
struct SoftState {
  float maximum;
  float sum;
};
struct MergeWeights {
  float a, b;
};
// Joins `b` behind `a`, which both have seen a key; says with what the values are multiplied.
__device__ inline MergeWeights merge_state(SoftState& a, const SoftState& b) {
  const float maximum = fmaxf(a.maximum, b.maximum);
  const MergeWeights w{exp2f(a.maximum - maximum), exp2f(b.maximum - maximum)};
  a = {maximum, fmaf(a.sum, w.a, b.sum * w.b)};
  return w;
}
__device__ inline float merge_value(float a, float b, const MergeWeights& w) {
  return fmaf(a, w.a, b * w.b);
}
// What a value is multiplied with at the end. A sink takes weight and gives no value.
__device__ inline float final_scale(SoftState state, const float* sinks, int64_t head) {
  if (!sinks) return 1 / state.sum;
  const SoftState sink{sinks[head] * kLog2e, 1};
  const MergeWeights w = merge_state(state, sink);
  return w.a / state.sum;
}

// The span of a tile of rows, and the tile's place in it. All lanes of a warp call it.
struct TilePlace {
  int64_t span;  // -1: none
  int64_t tile;
};
__device__ inline TilePlace find_tile(const AttentionParams& p, int64_t index, int64_t group,
                                      int rows) {
  if (p.tokens == p.span_count && group <= rows) {
    return {index < p.span_count ? index : -1, 0};  // single tokens: a tile each
  }
  const int lane = int(threadIdx.x) % kWarp;
  for (int64_t first = 0; first < p.span_count; first += kWarp) {
    const int64_t mine = first + lane;
    int tiles = mine < p.span_count ? int(ceil_div(p.spans[mine].tokens * group, rows)) : 0;
    int before = tiles;  // with those of the lanes before
    for (unsigned by = 1; by < kWarp; by *= 2) {
      const int other = __shfl_up_sync(~0u, before, by);
      if (unsigned(lane) >= by) before += other;
    }
    const int all = __shfl_sync(~0u, before, kWarp - 1);
    if (index < all) {
      const unsigned votes = __ballot_sync(~0u, before > index);
      const int owner = __ffs(int(votes)) - 1;
      const int start = __shfl_sync(~0u, before - tiles, owner);
      return {first + owner, index - start};
    }
    index -= all;
  }
  return {-1, 0};
}

template <DType Type>
inline constexpr bool kIsBf16 = Type == DType::kBF16;

// Sixteen bytes of a stage: eight elements of a key or value, zeros where there are none.
template <DType Type>
__device__ inline void fetch_chunk(uint16_t* to, const std::byte* row, int chunk, bool valid) {
  if constexpr (Type == DType::kF8E4M3) {
    Vec16 wide{};
    if (valid) {
      const Vec8 v = load8(row + chunk * 8);
      for (int i = 0; i < 4; ++i) {
        wide.words[i] = e4m3_to_f16(uint16_t(v.words[i / 2] >> 16 * (i % 2)));
      }
    }
    store16(to, wide);
  } else {
    copy_async16(to, valid ? row + chunk * 16 : row, valid);
  }
}

template <int Dim, DType Type>
class AttentionBlock {
 public:
  __device__ AttentionBlock(const AttentionParams& p, const AttentionPlan& plan, std::byte* shared)
      : p_(p), plan_(plan), warps_(int(blockDim.x) / kWarp), lane_(int(threadIdx.x) % kWarp) {
    stages_ = reinterpret_cast<uint16_t*>(shared);
    totals_ = reinterpret_cast<float*>(shared + 2 * kStageBytes<Dim>);
  }

  __device__ void run() {
    const int64_t group = p_.heads / p_.cache.kv_heads;
    const TilePlace place = find_tile(p_, blockIdx.x, group, warps_ * kWarpRows);
    if (place.span < 0) return;
    span_ = p_.spans + place.span;
    const int64_t rows = span_->tokens * group;
    const int64_t block_row = place.tile * warps_ * kWarpRows;
    const int64_t row = block_row + int64_t(threadIdx.x) / kWarp * kWarpRows + lane_ / 4;
    for (int half = 0; half < 2; ++half) {
      const int64_t r = row + half * 8;
      row_[half].valid = r < rows;
      row_[half].token = r / group;
      row_[half].head = int64_t(blockIdx.y) * group + r % group;
      row_[half].position = r < rows ? span_->position + r / group : -1;
    }
    const int64_t last_row = least(block_row + warps_ * kWarpRows, rows) - 1;
    const int64_t keys = span_->position + last_row / group + 1;
    const int64_t oldest = span_->position + block_row / group;
    int64_t first = p_.window > 0 ? most(0, oldest - p_.window + 1) / kTileKeys : 0;
    int64_t end = ceil_div(keys, kTileKeys);
    const int64_t per_split = plan_.split_keys / kTileKeys;
    if (plan_.parts) {
      first = most(first, int64_t(blockIdx.z) * per_split);
      end = least(end, int64_t(blockIdx.z + 1) * per_split);
    }
    keys_ = keys;
    read_queries();
    reset();
    if (first < end) fetch(first, 0);
    copy_async_commit();
    for (int64_t tile = first; tile < end; ++tile) {
      if (tile > first && tile % per_split == 0) close_split();
      const int stage = int((tile - first) % 2);
      if (tile + 1 < end) fetch(tile + 1, 1 - stage);
      copy_async_commit();
      copy_async_wait<1>();
      __syncthreads();
      attend(tile, stages_ + size_t(stage) * kStageBytes<Dim> / sizeof(uint16_t));
      __syncthreads();  // the next copies go where this tile was
    }
    copy_async_wait<0>();
    plan_.parts ? write_part() : write_result();
  }

 private:
  static constexpr int kSteps = Dim / 16;    // of k in Q K^T
  static constexpr int kOutTiles = Dim / 8;  // of n in P V
  struct Row {
    bool valid;
    int64_t token, head, position;
  };

  __device__ static void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (kIsBf16<Type>) {
      mma_bf16(d, a, b0, b1);
    } else {
      mma_f16(d, a, b0, b1);
    }
  }
  __device__ static uint32_t pack(float low, float high) {
    return kIsBf16<Type> ? pack_bf16(low, high) : pack_f16(low, high);
  }

  // The fragments of this warp's queries, in registers for good.
  __device__ void read_queries() {
    const int64_t dim = p_.cache.head_dim;
    LLMOS_UNROLL
    for (int half = 0; half < 2; ++half) {
      const Row& row = row_[half];
      const float* const q =
          p_.queries + (span_->first + row.token) * p_.queries_stride + row.head * dim;
      LLMOS_UNROLL
      for (int i = 0; i < 2 * kSteps; ++i) {
        const int d = i * 8 + lane_ % 4 * 2;
        const bool there = row.valid && d < dim;  // head_dim is even
        queries_[i / 2][half + i % 2 * 2] = there ? pack(q[d], q[d + 1]) : 0;
      }
    }
  }

  __device__ void reset() {
    LLMOS_UNROLL
    for (int n = 0; n < kOutTiles; ++n) {
      for (float& x : values_[n]) x = 0;
    }
    for (int half = 0; half < 2; ++half) state_[half] = {-INFINITY, 0};
  }

  // Begins to bring a tile's keys and values into a stage.
  __device__ void fetch(int64_t tile, int stage) {
    constexpr int kChunks = Dim / 8;
    constexpr int kElementBytes = Type == DType::kF8E4M3 ? 1 : 2;
    const KvLayer& cache = p_.cache;
    const int64_t dim = cache.head_dim, key = tile * kTileKeys + lane_;
    // A lane finds one key's row; the copies get it by shuffle.
    int64_t mine = -1;
    if (key < keys_) {
      const int64_t block = key / cache.block_tokens, in_block = key % cache.block_tokens;
      mine = int64_t(span_->blocks[block]) * int64_t(cache.block_bytes) +
             (int64_t(blockIdx.y) * cache.block_tokens + in_block) * dim * kElementBytes;
    }
    uint16_t* const keys = stages_ + size_t(stage) * kStageBytes<Dim> / sizeof(uint16_t);
    uint16_t* const values = keys + kTileKeys * kTileRow<Dim>;
    for (int i = int(threadIdx.x); i < kTileKeys * kChunks; i += warps_ * kWarp) {
      const int row = i / kChunks, chunk = i % kChunks;
      const int64_t at = __shfl_sync(~0u, mine, row);
      const bool valid = at >= 0 && chunk * 8 < dim;
      const int64_t from = at >= 0 ? at : 0;
      fetch_chunk<Type>(keys + row * kTileRow<Dim> + chunk * 8, cache.keys + from, chunk, valid);
      fetch_chunk<Type>(values + row * kTileRow<Dim> + chunk * 8, cache.values + from, chunk,
                        valid);
    }
  }

  // Scores of a tile, the softmax so far, and its values.
  __device__ void attend(int64_t tile, const uint16_t* keys) {
    float scores[kTileKeys / 8][4] = {};
    LLMOS_UNROLL
    for (int k = 0; k < kSteps; ++k) {
      LLMOS_UNROLL
      for (int n = 0; n < kTileKeys / 8; n += 2) {
        uint32_t b[4];
        ldmatrix_x4(b, keys + (n * 8 + lane_ / 16 * 8 + lane_ % 8) * kTileRow<Dim> + k * 16 +
                           lane_ / 8 % 2 * 8);
        mma(scores[n], queries_[k], b[0], b[1]);
        mma(scores[n + 1], queries_[k], b[2], b[3]);
      }
    }
    float largest[2] = {-INFINITY, -INFINITY};
    LLMOS_UNROLL
    for (int n = 0; n < kTileKeys / 8; ++n) {
      LLMOS_UNROLL
      for (int e = 0; e < 4; ++e) {
        const int64_t key = tile * kTileKeys + n * 8 + lane_ % 4 * 2 + e % 2;
        scores[n][e] = visible(row_[e / 2], key) ? capped(scores[n][e]) : -INFINITY;
        largest[e / 2] = fmaxf(largest[e / 2], scores[n][e]);
      }
    }
    float rescale[2];
    for (int half = 0; half < 2; ++half) {
      largest[half] = fmaxf(largest[half], __shfl_xor_sync(~0u, largest[half], 1));
      largest[half] = fmaxf(largest[half], __shfl_xor_sync(~0u, largest[half], 2));
      const float maximum = fmaxf(state_[half].maximum, largest[half]);
      // Before the first visible key there is nothing to scale.
      rescale[half] = state_[half].maximum == maximum ? 1 : exp2f(state_[half].maximum - maximum);
      state_[half].maximum = maximum;
      state_[half].sum *= rescale[half];
    }
    LLMOS_UNROLL
    for (int n = 0; n < kTileKeys / 8; ++n) {
      LLMOS_UNROLL
      for (int e = 0; e < 4; ++e) {
        const float score = scores[n][e];
        const float weight = score == -INFINITY ? 0 : exp2f(score - state_[e / 2].maximum);
        scores[n][e] = weight;
        state_[e / 2].sum += weight;
      }
    }
    LLMOS_UNROLL
    for (int n = 0; n < kOutTiles; ++n) {
      for (int e = 0; e < 4; ++e) values_[n][e] *= rescale[e / 2];
    }
    add_values(keys + kTileKeys * kTileRow<Dim>, scores);
  }

  __device__ void add_values(const uint16_t* values, const float (&weights)[kTileKeys / 8][4]) {
    LLMOS_UNROLL
    for (int k = 0; k < kTileKeys / 16; ++k) {
      const float(&low)[4] = weights[2 * k];
      const float(&high)[4] = weights[2 * k + 1];
      const uint32_t a[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                             pack(high[2], high[3])};
      LLMOS_UNROLL
      for (int n = 0; n < kOutTiles; n += 2) {
        uint32_t b[4];
        ldmatrix_x4_transposed(
            b, values + (k * 16 + lane_ % 16) * kTileRow<Dim> + n * 8 + lane_ / 16 * 8);
        mma(values_[n], a, b[0], b[1]);
        mma(values_[n + 1], a, b[2], b[3]);
      }
    }
  }

  __device__ bool visible(const Row& row, int64_t key) const {
    return key <= row.position && (p_.window == 0 || key > row.position - p_.window);
  }
  // In units of log 2, so that exp2f is the exponential.
  __device__ float capped(float score) const {
    score *= p_.scale;
    if (p_.softcap != 0) score = p_.softcap * tanhf(score / p_.softcap);
    return score * kLog2e;
  }

  // The sums of a split lie in four lanes.
  __device__ void gather_sums() {
    for (SoftState& state : state_) {
      state.sum += __shfl_xor_sync(~0u, state.sum, 1);
      state.sum += __shfl_xor_sync(~0u, state.sum, 2);
    }
  }

  // This thread's element of the totals: [element][thread], so that a warp's are neighbours.
  __device__ float& total(int n, int e) {
    return totals_[(n * 4 + e) * warps_ * kWarp + int(threadIdx.x)];
  }

  // Merges the split into the totals, and begins the next.
  __device__ void close_split() {
    gather_sums();
    merge_into_totals();
    reset();
  }
  __device__ void merge_into_totals() {
    for (int half = 0; half < 2; ++half) {
      if (state_[half].maximum == -INFINITY) continue;
      const bool first = !seen_[half];
      MergeWeights w{};
      if (first) {
        total_state_[half] = state_[half];
        seen_[half] = true;
      } else {
        w = merge_state(total_state_[half], state_[half]);
      }
      for (int n = 0; n < kOutTiles; ++n) {
        for (int e = half * 2; e < half * 2 + 2; ++e) {
          total(n, e) = first ? values_[n][e] : merge_value(total(n, e), values_[n][e], w);
        }
      }
    }
  }

  __device__ void write_result() {
    gather_sums();
    merge_into_totals();
    for (int half = 0; half < 2; ++half) {
      const Row& row = row_[half];
      if (!row.valid) continue;
      const float scale = final_scale(total_state_[half], p_.sinks, row.head);
      const int64_t dim = p_.cache.head_dim, token = span_->first + row.token;
      float* const out = p_.out + token * p_.out_stride + row.head * dim;
      auto* const cells =
          p_.cells ? reinterpret_cast<uint32_t*>(
                         p_.cells + size_t(token) * quantized_row_bytes(p_.heads * dim)) +
                         row.head * dim / 2
                   : nullptr;
      for (int n = 0; n < kOutTiles; ++n) {
        const int d = n * 8 + lane_ % 4 * 2;
        if (d >= dim) break;
        const float x = total(n, half * 2) * scale, y = total(n, half * 2 + 1) * scale;
        out[d] = x;
        out[d + 1] = y;
        if (cells) cells[d / 2] = pack_bf16(x, y);
      }
    }
  }

  __device__ void write_part() {
    gather_sums();
    for (int half = 0; half < 2; ++half) {
      const Row& row = row_[half];
      if (!row.valid) continue;
      const int64_t dim = p_.cache.head_dim;
      const int64_t at =
          ((span_->first + row.token) * p_.heads + row.head) * plan_.splits + blockIdx.z;
      for (int n = 0; n < kOutTiles; ++n) {
        const int d = n * 8 + lane_ % 4 * 2;
        if (d >= dim) break;
        plan_.parts[at * dim + d] = values_[n][half * 2];
        plan_.parts[at * dim + d + 1] = values_[n][half * 2 + 1];
      }
      if (lane_ % 4 != 0) continue;
      plan_.states[at * 2] = state_[half].maximum;
      plan_.states[at * 2 + 1] = state_[half].sum;
    }
  }

  const AttentionParams& p_;
  const AttentionPlan& plan_;
  const int warps_, lane_;
  const AttentionSpan* span_ = nullptr;
  int64_t keys_ = 0;  // of the block's last row
  Row row_[2];        // lane / 4, and 8 further
  uint32_t queries_[kSteps][4];
  float values_[kOutTiles][4];
  SoftState state_[2];
  SoftState total_state_[2] = {};
  bool seen_[2] = {};
  uint16_t* stages_;
  float* totals_;
};

// grid: tiles of rows, kv heads, splits.
template <int Dim, DType Type>
__global__ void __launch_bounds__(128) attend_rows(AttentionParams p, AttentionPlan plan) {
  LLMOS_DYNAMIC_SHARED(std::byte, shared);
  AttentionBlock<Dim, Type>(p, plan, shared).run();
}

// Merges the parts of each head of each token, in the order of the splits: a warp each.
__global__ void __launch_bounds__(kMergeThreads)
    merge_splits(AttentionParams p, AttentionPlan plan) {
  const int64_t i = int64_t(blockIdx.x) * (kMergeThreads / kWarp) + threadIdx.x / kWarp;
  if (i >= p.tokens * p.heads) return;
  const int64_t token = i / p.heads, head = i % p.heads, dim = p.cache.head_dim;
  const float* const states = plan.states + i * plan.splits * 2;
  for (int64_t d = threadIdx.x % kWarp; d < dim; d += kWarp) {
    SoftState all{-INFINITY, 0};
    float value = 0;
    for (int64_t s = 0; s < plan.splits; ++s) {
      const SoftState state{states[2 * s], states[2 * s + 1]};
      if (state.maximum == -INFINITY) continue;  // no key of this token
      const float part = plan.parts[(i * plan.splits + s) * dim + d];
      if (all.maximum == -INFINITY) {
        all = state;
        value = part;
      } else {
        const MergeWeights w = merge_state(all, state);
        value = merge_value(value, part, w);
      }
    }
    value *= final_scale(all, p.sinks, head);
    p.out[token * p.out_stride + head * dim + d] = value;
    if (p.cells) {
      auto* const cells =
          reinterpret_cast<uint16_t*>(p.cells + size_t(token) * quantized_row_bytes(p.heads * dim));
      cells[head * dim + d] = uint16_t(pack_bf16(value, 0));
    }
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
