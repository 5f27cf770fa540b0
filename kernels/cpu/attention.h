// SPDX-License-Identifier: Apache-2.0
// Attention over paged keys and values, in one pass (online softmax).
//
// Bound   one token: bytes of the cache. A chunk: FMA and exp.
// Layout  An item of work is a group of query heads of one kv head, times some tokens of a
//         span: together up to kItemQueries queries, which share every decoded tile of keys and
//         values. A tile is kTileKeys keys from a multiple of kTileKeys on, gathered from as many
//         blocks as it takes: what it holds depends on the position only, not on the chunk that is
//         computed nor on the size of blocks. A query passes its tiles in ascending order, whoever
//         else is in the item. So the sums are the same bits in all of these cases.
#pragma once

#include "kernels/cpu/decode.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/quantize.h"
#include "kernels/kernels.h"
#include "kernels/share.h"

namespace llmos::kernels {
namespace {

inline constexpr int kTileKeys = 32;     // with kHeadDimMax a tile is 64 KiB, usually 8 KiB
inline constexpr int kItemQueries = 16;  // their sums are as large as a tile

LLMOS_INLINE size_t cache_row_bytes(const KvLayer& cache) {
  const size_t dim = size_t(cache.head_dim);
  switch (cache.dtype) {
    case DType::kF32:
      return dim * 4;
    case DType::kQ8_0:
      return dim / kBlockElements * sizeof(BlockQ8_0);
    default:
      return dim * 2;
  }
}

// f32 rows of a head, each padded with zeros to whole steps.
struct HeadRows {
  alignas(64) float values[kTileKeys * kHeadDimMax];
};

template <DType kType>
void decode_rows(const std::byte* from, size_t row_bytes, int64_t rows, int64_t dim, float* to) {
  const int64_t padded = (dim + kStep - 1) / kStep * kStep;
  for (int64_t r = 0; r < rows; ++r, from += row_bytes, to += padded) {
    for (int64_t s = 0; s < dim / kStep; ++s) {
      const Step step = Decoder<kType>::step(from, s);
      for (int i = 0; i < kStepVectors; ++i) store(to + s * kStep + i * kLanes, step.v[i]);
    }
    if constexpr (is_plain(kType)) {
      if (dim % kStep == 0) continue;
      const Step step = last_step<kType>(from, dim / kStep, dim % kStep);
      for (int i = 0; i < kStepVectors; ++i) {
        store(to + dim / kStep * kStep + i * kLanes, step.v[i]);
      }
    }
  }
}

void decode_tile(const KvLayer& cache, const std::byte* from, int64_t rows, float* to) {
  const size_t bytes = cache_row_bytes(cache);
  switch (cache.dtype) {
    case DType::kF32:
      return decode_rows<DType::kF32>(from, bytes, rows, cache.head_dim, to);
    case DType::kF16:
      return decode_rows<DType::kF16>(from, bytes, rows, cache.head_dim, to);
    case DType::kBF16:
      return decode_rows<DType::kBF16>(from, bytes, rows, cache.head_dim, to);
    default:
      return decode_rows<DType::kQ8_0>(from, bytes, rows, cache.head_dim, to);
  }
}

// Keys [first, last) of a sequence.
struct KeyRange {
  int64_t first;
  int64_t last;
};

// A query on its way through the keys.
struct Query {
  int64_t head;
  int64_t token;  // in the batch
  KeyRange keys;  // that it sees
  float largest;  // score so far
  float sum;      // of exp(score - largest)
};

struct Item {
  const AttentionSpan* span;
  int64_t kv_head;
  int64_t padded;  // head_dim in whole steps
  int count = 0;
  Query queries[kItemQueries];
  alignas(64) float rows[kItemQueries * kHeadDimMax];  // the queries' vectors, padded
  alignas(64) float sums[kItemQueries * kHeadDimMax];  // of exp(score - largest) * value
};

void add_query(const AttentionParams& p, Item& item, int64_t head, int64_t token_in_span) {
  const int64_t position = item.span->position + token_in_span;
  const int64_t token = item.span->first + token_in_span;
  float* const row = item.rows + item.count * item.padded;
  std::memset(row, 0, size_t(item.padded) * sizeof(float));
  std::memcpy(row, p.queries + token * p.queries_stride + head * p.cache.head_dim,
              size_t(p.cache.head_dim) * sizeof(float));
  std::memset(item.sums + item.count * item.padded, 0, size_t(item.padded) * sizeof(float));
  Query& query = item.queries[item.count++];
  query.head = head;
  query.token = token;
  query.keys = {p.window > 0 ? max_of(0, position - p.window + 1) : 0, position + 1};
  // A sink is a key that was seen first, and whose value is zero.
  query.largest = p.sinks ? p.sinks[head] : -INFINITY;
  query.sum = p.sinks ? 1 : 0;
}

// scores[j] = row . keys[j] for the kLanes keys from `keys` on.
LLMOS_INLINE void dot_keys(const float* row, const float* keys, int64_t padded, float* scores) {
  Floats sums[kLanes] = {};
  for (int64_t d = 0; d < padded; d += kLanes) {
    const Floats q = load(row + d);
    LLMOS_UNROLL for (int j = 0; j < kLanes; ++j) {
      sums[j] = fma(q, load(keys + j * padded + d), sums[j]);
    }
  }
  store(scores, sum_rows(sums));
}

LLMOS_INLINE Ints lane_numbers() {
  Ints numbers;
  for (int i = 0; i < kLanes; ++i) numbers[i] = i;
  return numbers;
}

// Weights of a tile's keys [range) for one query, 0 for the others; the sums before are rescaled to
// a new largest.
LLMOS_INLINE void weigh(const AttentionParams& p, Query& query, KeyRange range, float* weights,
                        float* sums, int64_t padded) {
  constexpr int kVectors = kTileKeys / kLanes;
  Floats scores[kVectors];
  Floats top = broadcast(-INFINITY);
  LLMOS_UNROLL for (int i = 0; i < kVectors; ++i) {
    const Floats raw = capped(load(weights + i * kLanes) * broadcast(p.scale), p.softcap);
    const Ints key = lane_numbers() + i * kLanes;
    const Ints is_seen = (key >= int32_t(range.first)) & (key < int32_t(range.last));
    scores[i] = select(is_seen, raw, broadcast(-INFINITY));
    top = larger(scores[i], top);
  }
  const float tile_largest = largest_lane(top);
  if (tile_largest > query.largest) {
    const Floats shrink = exp(broadcast(query.largest - tile_largest));
    query.sum *= shrink[0];
    for (int64_t d = 0; d < padded; d += kLanes) store(sums + d, load(sums + d) * shrink);
    query.largest = tile_largest;
  }
  Floats total{};
  LLMOS_UNROLL for (int i = 0; i < kVectors; ++i) {
    const Floats weight = exp(scores[i] - broadcast(query.largest));
    store(weights + i * kLanes, weight);
    total += weight;
  }
  query.sum += sum_lanes(total);
}

// Queries whose sums are in registers together: 16 of them with AVX-512, 8 else.
#if defined(__AVX512F__)
inline constexpr int kSumQueries = 4;
#else
inline constexpr int kSumQueries = 2;
#endif

// sums[q] += weights[q][j] * values[j], j ascending, for kWide vectors of kQueries queries that see
// the same keys.
template <int kQueries, int kWide>
LLMOS_INLINE void add_values_at(const float (*weights)[kTileKeys], const float* values,
                                KeyRange range, int64_t padded, float* sums) {
  Floats part[kQueries][kWide];
  LLMOS_UNROLL for (int q = 0; q < kQueries; ++q) {
    LLMOS_UNROLL for (int i = 0; i < kWide; ++i) part[q][i] = load(sums + q * padded + i * kLanes);
  }
  for (int64_t j = range.first; j < range.last; ++j) {
    Floats value[kWide];
    LLMOS_UNROLL for (int i = 0; i < kWide; ++i) value[i] = load(values + j * padded + i * kLanes);
    LLMOS_UNROLL for (int q = 0; q < kQueries; ++q) {
      const Floats weight = broadcast(weights[q][j]);
      LLMOS_UNROLL for (int i = 0; i < kWide; ++i) part[q][i] = fma(weight, value[i], part[q][i]);
    }
  }
  LLMOS_UNROLL for (int q = 0; q < kQueries; ++q) {
    LLMOS_UNROLL for (int i = 0; i < kWide; ++i) store(sums + q * padded + i * kLanes, part[q][i]);
  }
}

template <int kQueries>
void add_values(const float (*weights)[kTileKeys], const float* values, KeyRange range,
                int64_t padded, float* sums) {
  constexpr int kWide = 4;
  int64_t d = 0;
  for (; d + kWide * kLanes <= padded; d += kWide * kLanes) {
    add_values_at<kQueries, kWide>(weights, values + d, range, padded, sums + d);
  }
  for (; d < padded; d += kLanes) {
    add_values_at<kQueries, 1>(weights, values + d, range, padded, sums + d);
  }
}

// The keys of a query in a tile of `count` keys from position `start` on.
LLMOS_INLINE KeyRange in_tile(const Query& query, int64_t start, int64_t count) {
  const int64_t first = max_of(query.keys.first - start, 0);
  return {first, max_of(first, min_of(query.keys.last - start, count))};
}

// The rows of the item's head at positions [start, start + count), from one block after another.
void gather_tile(const KvLayer& cache, const Item& item, const std::byte* rows_of_blocks,
                 int64_t start, int64_t count, HeadRows& rows) {
  const size_t row_bytes = cache_row_bytes(cache);
  float* to = rows.values;
  for (const int64_t end = start + count; start < end;) {
    const int64_t place = start % cache.block_tokens;
    const int64_t run = min_of(cache.block_tokens - place, end - start);
    const size_t at = size_t(item.span->blocks[start / cache.block_tokens]) * cache.block_bytes +
                      size_t(item.kv_head * cache.block_tokens + place) * row_bytes;
    decode_tile(cache, rows_of_blocks + at, run, to);
    start += run;
    to += run * item.padded;
  }
}

// How many queries from `q` on see the same keys of a tile, at most kSumQueries.
LLMOS_INLINE int alike(const Item& item, int q, int64_t start, int64_t count) {
  const KeyRange range = in_tile(item.queries[q], start, count);
  int alike = 1;
  for (; alike < kSumQueries && q + alike < item.count; ++alike) {
    const KeyRange other = in_tile(item.queries[q + alike], start, count);
    if (other.first != range.first || other.last != range.last) break;
  }
  return alike;
}

void attend_tile(const AttentionParams& p, Item& item, int64_t start, int64_t count,
                 HeadRows& rows) {
  alignas(64) float weights[kItemQueries][kTileKeys];
  gather_tile(p.cache, item, p.cache.keys, start, count, rows);
  for (int q = 0; q < item.count; ++q) {
    const KeyRange range = in_tile(item.queries[q], start, count);
    if (range.first >= range.last) continue;
    for (int64_t j = range.first / kLanes * kLanes; j < range.last; j += kLanes) {
      dot_keys(item.rows + q * item.padded, rows.values + j * item.padded, item.padded,
               weights[q] + j);
    }
    weigh(p, item.queries[q], range, weights[q], item.sums + q * item.padded, item.padded);
  }
  gather_tile(p.cache, item, p.cache.values, start, count, rows);
  for (int q = 0; q < item.count;) {
    const KeyRange range = in_tile(item.queries[q], start, count);
    float* const sums = item.sums + q * item.padded;
    if (alike(item, q, start, count) == kSumQueries) {
      add_values<kSumQueries>(weights + q, rows.values, range, item.padded, sums);
      q += kSumQueries;
    } else {
      add_values<1>(weights + q, rows.values, range, item.padded, sums);
      ++q;
    }
  }
}

void attend_item(const AttentionParams& p, Item& item) {
  KeyRange all = item.queries[0].keys;
  for (int q = 1; q < item.count; ++q) {
    all.first = min_of(all.first, item.queries[q].keys.first);
    all.last = max_of(all.last, item.queries[q].keys.last);
  }
  HeadRows rows;
  // dot_keys may read rows behind the last of a tile; what it finds there is not used.
  std::memset(rows.values, 0, size_t(kTileKeys * item.padded) * sizeof(float));
  for (int64_t start = all.first - all.first % kTileKeys; start < all.last; start += kTileKeys)
    attend_tile(p, item, start, min_of(kTileKeys, all.last - start), rows);
  for (int q = 0; q < item.count; ++q) {
    const Query& query = item.queries[q];
    float* out = p.out + query.token * p.out_stride + query.head * p.cache.head_dim;
    const float* sums = item.sums + q * item.padded;
    for (int64_t d = 0; d < p.cache.head_dim; ++d) out[d] = sums[d] / query.sum;
    if (!p.cells) continue;
    const int64_t dim = p.cache.head_dim;
    std::byte* const row = p.cells + size_t(query.token) * quantized_row_bytes(p.heads * dim);
    Cell* const cells = reinterpret_cast<Cell*>(row) + query.head * dim / kCellColumns;
    for (int64_t i = 0; i < p.cache.head_dim / kCellColumns; ++i)
      quantize_cell(out + i * kCellColumns, cells[i]);
  }
}

// Query heads [first, last) of the span's tokens [token, token_end).
struct Work {
  int64_t first, last;
  int64_t token, token_end;
};

void attend(const AttentionParams& p, Item& item, const Work& work) {
  const int64_t group = p.heads / p.cache.kv_heads;
  item.kv_head = work.first / group;
  item.count = 0;
  for (int64_t t = work.token; t < work.token_end; ++t) {
    for (int64_t h = work.first; h < work.last; ++h) add_query(p, item, h, t);
  }
  attend_item(p, item);
}

// One token of one sequence: members share its heads, even those of one kv head.
void attend_token(const AttentionParams& p, Item& item, const Launch& launch) {
  const int64_t group = p.heads / p.cache.kv_heads;
  const Share share = share_of(p.heads, launch);
  for (int64_t h = share.first; h < share.last;) {
    const int64_t end = min_of(min_of((h / group + 1) * group, share.last), h + kItemQueries);
    attend(p, item, {h, end, 0, 1});
    h = end;
  }
}

void attention(const AttentionParams& p, const Launch& launch) {
  const int64_t group = p.heads / p.cache.kv_heads;
  const int64_t item_heads = min_of(group, kItemQueries);
  const int64_t item_tokens = kItemQueries / item_heads;
  Item item;
  item.padded = (p.cache.head_dim + kStep - 1) / kStep * kStep;
  if (p.tokens == 1) {
    item.span = p.spans;
    return attend_token(p, item, launch);
  }
  int64_t index = 0;  // items go round, for later tokens of a chunk have more keys
  for (int64_t s = 0; s < p.span_count; ++s) {
    item.span = &p.spans[s];
    for (int64_t t = 0; t < item.span->tokens; t += item_tokens) {
      const int64_t end = min_of(t + item_tokens, item.span->tokens);
      for (int64_t h = 0; h < p.heads;) {
        const int64_t last = min_of((h / group + 1) * group, h + item_heads);
        if (index++ % launch.size == launch.rank) attend(p, item, {h, last, t, end});
        h = last;
      }
    }
  }
}

LLMOS_INLINE void store_q8_0(std::byte* to, const float* from, int64_t dim) {
  for (int64_t b = 0; b < dim / kBlockElements; ++b, from += kBlockElements) {
    float largest = 0;
    for (int i = 0; i < kBlockElements; ++i) {
      const float size = from[i] < 0 ? -from[i] : from[i];
      largest = size > largest ? size : largest;
    }
    const float scale = largest / 127;
    const float inverse = scale == 0 ? 0 : 1 / scale;
    BlockQ8_0 block;
    block.scale = f16_bits(scale);
    for (int i = 0; i < kBlockElements; i += kLanes) {
      const Ints quants = to_ints(nearest(load(from + i) * broadcast(inverse)));
      for (int lane = 0; lane < kLanes; ++lane) block.quants[i + lane] = int8_t(quants[lane]);
    }
    store_as(to + size_t(b) * sizeof block, block);
  }
}

// Element by element behind the last whole vector, through one that is.
template <size_t kBytes, class Store>
LLMOS_INLINE void store_row(std::byte* to, const float* from, int64_t dim, Store store_vector) {
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) store_vector(to + size_t(d) * kBytes, load(from + d));
  if (d == dim) return;
  std::byte rest[kLanes * kBytes];
  store_vector(rest, load_part(from + d, dim - d));
  std::memcpy(to + size_t(d) * kBytes, rest, size_t(dim - d) * kBytes);
}

void store_cache_row(const KvLayer& cache, std::byte* to, const float* from) {
  const int64_t dim = cache.head_dim;
  switch (cache.dtype) {
    case DType::kF32:
      std::memcpy(to, from, size_t(dim) * 4);
      return;
    case DType::kF16:
      return store_row<2>(to, from, dim, [](std::byte* at, Floats v) { store_f16(at, v); });
    case DType::kBF16:
      return store_row<2>(to, from, dim, [](std::byte* at, Floats v) { store_bf16(at, v); });
    default:
      return store_q8_0(to, from, dim);
  }
}

}  // namespace
}  // namespace llmos::kernels
