// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/ref/ref.h"
#include "kernels/ref/rows.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {
namespace {

// Bytes from one block's start to the row of a key or value.
size_t row_offset(const KvLayer& cache, int64_t head, int64_t place) {
  const size_t row = size_t(row_bytes(cache.dtype, uint64_t(cache.head_dim)).value_or(0));
  return size_t(head * cache.block_tokens + place) * row;
}

// Where the row of the key at `position` begins, relative to `keys` or `values`.
size_t row_at(const KvLayer& cache, const int32_t* blocks, int64_t head, int64_t position) {
  const size_t block = size_t(blocks[position / cache.block_tokens]);
  return block * cache.block_bytes + row_offset(cache, head, position % cache.block_tokens);
}

double score(const AttentionParams& p, const float* query, const std::vector<float>& key) {
  double sum = 0;
  for (size_t d = 0; d < key.size(); ++d) sum += double(query[d]) * double(key[d]);
  sum *= double(p.scale);
  return p.softcap == 0 ? sum : p.softcap * std::tanh(sum / p.softcap);
}

void attend(const AttentionParams& p, const AttentionSpan& span, int64_t token, int64_t head) {
  const KvLayer& cache = p.cache;
  const int64_t position = span.position + token;
  const int64_t first = p.window > 0 ? std::max<int64_t>(0, position - p.window + 1) : 0;
  const int64_t kv_head = head / (p.heads / cache.kv_heads);
  const float* query = p.queries + (span.first + token) * p.queries_stride + head * cache.head_dim;
  std::vector<float> row(static_cast<size_t>(cache.head_dim));
  std::vector<double> scores;
  double largest = p.sinks ? double(p.sinks[head]) : -std::numeric_limits<double>::infinity();
  for (int64_t j = first; j <= position; ++j) {
    read_row(cache.dtype, cache.keys + row_at(cache, span.blocks, kv_head, j), row);
    scores.push_back(score(p, query, row));
    largest = std::max(largest, scores.back());
  }
  double sum = p.sinks ? std::exp(double(p.sinks[head]) - largest) : 0;
  for (double& value : scores) sum += value = std::exp(value - largest);
  std::vector<double> out(row.size(), 0.0);
  for (int64_t j = first; j <= position; ++j) {
    read_row(cache.dtype, cache.values + row_at(cache, span.blocks, kv_head, j), row);
    for (size_t d = 0; d < row.size(); ++d) out[d] += scores[size_t(j - first)] * double(row[d]);
  }
  float* to = p.out + (span.first + token) * p.out_stride + head * cache.head_dim;
  for (size_t d = 0; d < row.size(); ++d) to[d] = float(out[d] / sum);
}

}  // namespace

void attention(const AttentionParams& p, const Launch& launch) {
  for (int64_t s = 0; s < p.span_count; ++s) {
    const AttentionSpan& span = p.spans[s];
    const Share share = share_of(span.tokens * p.heads, launch);
    for (int64_t i = share.first; i < share.last; ++i) {
      attend(p, span, i / p.heads, i % p.heads);
    }
  }
}

void kv_write(const KvWriteParams& p, const Launch& launch) {
  const KvLayer& cache = p.cache;
  const size_t dim = size_t(cache.head_dim);
  const Share share = share_of(p.tokens * cache.kv_heads, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    const int64_t t = i / cache.kv_heads;
    const int64_t head = i % cache.kv_heads;
    if (p.rope.x) rotate_head(p.rope, t, head);
    if (p.slots[t] < 0) continue;
    const size_t at = size_t(p.slots[t] / cache.block_tokens) * cache.block_bytes +
                      row_offset(cache, head, p.slots[t] % cache.block_tokens);
    const int64_t from = head * cache.head_dim;
    write_row(cache.dtype, {p.keys + t * p.keys_stride + from, dim}, cache.keys + at);
    write_row(cache.dtype, {p.values + t * p.values_stride + from, dim}, cache.values + at);
  }
}

}  // namespace llmos::kernels::ref
