// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <numeric>

#include "kernels/tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::distance;
using test::random_floats;
using test::ref_set;
using test::run_team;
using test::same_bits;

constexpr DType kCacheTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};

struct Shape {
  int64_t kv_heads = 2;
  int64_t group = 2;  // query heads per kv head
  int64_t head_dim = 64;
  int64_t block_tokens = 16;
  DType dtype = DType::kF32;
};

Shape random_shape(Rng& rng) {
  Shape shape{.kv_heads = rng.between(1, 3),
              .group = rng.between(1, 9),
              .head_dim = rng.between(1, 100),
              .block_tokens = rng.between(1, 40),
              .dtype = kCacheTypes[rng.below(4)]};
  if (rng.below(8) == 0) shape.group = rng.between(16, 40);
  if (shape.dtype == DType::kQ8_0) shape.head_dim = rng.between(1, 4) * 32;
  return shape;
}

// Some sequences in a paged cache, their blocks scattered over it, and a batch that continues them.
struct Batch {
  Shape shape;
  size_t row_bytes, block_bytes;
  std::vector<std::byte> cache;
  std::vector<float> queries, sinks, out;
  std::vector<std::vector<int32_t>> tables;
  std::vector<AttentionSpan> spans;
  AttentionParams params;

  Batch(Rng& rng, const Shape& with, const std::vector<std::pair<int64_t, int64_t>>& sequences)
      : shape(with) {
    row_bytes = size_t(llmos::row_bytes(shape.dtype, uint64_t(shape.head_dim)).value());
    block_bytes = 2 * row_bytes * size_t(shape.kv_heads * shape.block_tokens);
    int64_t tokens = 0;
    int32_t blocks = 0;
    for (const auto& [position, count] : sequences) {
      const int64_t keys = position + count;
      const int64_t needed = (keys + shape.block_tokens - 1) / shape.block_tokens;
      std::vector<int32_t> table(static_cast<size_t>(needed));
      std::iota(table.begin(), table.end(), blocks);
      blocks += int32_t(needed);
      tables.push_back(table);
      spans.push_back({.first = tokens, .tokens = count, .position = position, .blocks = nullptr});
      tokens += count;
    }
    scatter(rng, blocks);
    for (size_t s = 0; s < spans.size(); ++s) spans[s].blocks = tables[s].data();
    cache.resize(block_bytes * size_t(blocks));
    const int64_t heads = shape.kv_heads * shape.group;
    const int64_t stride = heads * shape.head_dim;
    queries = random_floats(rng, size_t(tokens * (stride + 3)), 3);
    sinks = random_floats(rng, size_t(heads), 2);
    out = random_floats(rng, size_t(tokens * (stride + 5)));
    params = {.out = out.data(),
              .out_stride = stride + 5,
              .queries = queries.data(),
              .queries_stride = stride + 3,
              .cache = layer(),
              .spans = spans.data(),
              .span_count = int64_t(spans.size()),
              .tokens = tokens,
              .heads = heads,
              .scale = 1 / std::sqrt(float(shape.head_dim)),
              .softcap = rng.bernoulli(0.3) ? 5.0f : 0.0f,
              .window = rng.bernoulli(0.4) ? rng.between(1, 50) : 0,
              .sinks = rng.bernoulli(0.3) ? sinks.data() : nullptr};
    write(rng, int64_t(blocks) * shape.block_tokens);
  }

  KvLayer layer() {
    return {.keys = cache.data(),
            .values = cache.data() + block_bytes / 2,
            .block_bytes = block_bytes,
            .dtype = shape.dtype,
            .block_tokens = shape.block_tokens,
            .kv_heads = shape.kv_heads,
            .head_dim = shape.head_dim};
  }

  std::vector<float> run(const KernelTable& set, int team) const {
    std::vector<float> result = out;
    AttentionParams p = params;
    p.out = result.data();
    run_team(set.attention, p, team);
    return result;
  }

 private:
  void scatter(Rng& rng, int32_t blocks) {
    std::vector<int32_t> order(static_cast<size_t>(blocks));
    std::iota(order.begin(), order.end(), 0);
    rng.shuffle(order);
    for (auto& table : tables) {
      for (int32_t& block : table) block = order[size_t(block)];
    }
  }

  void write(Rng& rng, int64_t slot_count) {
    const int64_t stride = shape.kv_heads * shape.head_dim;
    const auto keys = random_floats(rng, size_t(slot_count * stride), 3);
    const auto values = random_floats(rng, size_t(slot_count * stride));
    std::vector<int64_t> slots(static_cast<size_t>(slot_count));
    std::iota(slots.begin(), slots.end(), 0);
    run_team(ref_set().kv_write,
             {.cache = layer(),
              .keys = keys.data(),
              .keys_stride = stride,
              .values = values.data(),
              .values_stride = stride,
              .slots = slots.data(),
              .tokens = slot_count},
             1);
  }
};

std::vector<std::pair<int64_t, int64_t>> random_sequences(Rng& rng) {
  std::vector<std::pair<int64_t, int64_t>> sequences(rng.between(1, 4));
  for (auto& [position, count] : sequences) {
    position = rng.between(0, 120);
    count = rng.bernoulli(0.5) ? 1 : rng.between(1, 40);
  }
  return sequences;
}

TEST(CpuAttention, RaggedBatchesAgreeWithTheReference) {
  Rng rng(test::seed("attention"));
  for (int i = 0; i < 60; ++i) {
    const Batch batch(rng, random_shape(rng), random_sequences(rng));
    const std::vector<float> expected = batch.run(ref_set(), 1);
    for (const KernelTable* set : test::fast_sets()) {
      // Scores are of order 10; each rounds by 1e-6, and so the weights.
      ASSERT_LE(distance(batch.run(*set, int(rng.between(1, 3))), expected), 1e-5)
          << set->name << " case " << i << ' ' << dtype_name(batch.shape.dtype) << " head_dim "
          << batch.shape.head_dim << " block_tokens " << batch.shape.block_tokens << " group "
          << batch.shape.group << " window " << batch.params.window;
    }
  }
}

TEST(CpuAttention, ATokenAloneInABatchAndInAnyTeamIsTheSame) {
  Rng rng(test::seed("attention invariance"));
  for (const KernelTable* set : test::fast_sets()) {
    for (int i = 0; i < 25; ++i) {
      const Batch batch(rng, random_shape(rng), random_sequences(rng));
      const std::vector<float> together = batch.run(*set, 1);
      for (const int team : {2, 3, 5}) {
        ASSERT_TRUE(same_bits(together, batch.run(*set, team))) << set->name << " team " << team;
      }
      std::vector<float> alone = batch.out;
      for (const AttentionSpan& span : batch.spans) {
        for (int64_t t = 0; t < span.tokens; ++t) {
          const AttentionSpan one{
              .first = 0, .tokens = 1, .position = span.position + t, .blocks = span.blocks};
          AttentionParams p = batch.params;
          p.spans = &one;
          p.span_count = p.tokens = 1;
          p.queries += (span.first + t) * p.queries_stride;
          p.out = alone.data() + (span.first + t) * p.out_stride;
          run_team(set->attention, p, 2);
        }
      }
      ASSERT_TRUE(same_bits(together, alone)) << set->name << " case " << i;
    }
  }
}

TEST(CpuAttention, WeightsSumToOne) {
  Rng rng(test::seed("attention weights"));
  for (const KernelTable* set : test::fast_sets()) {
    for (int i = 0; i < 20; ++i) {
      Batch batch(rng, random_shape(rng), random_sequences(rng));
      batch.params.sinks = nullptr;
      const KvLayer cache = batch.params.cache;
      // All values 1: whatever the weights, the result is their sum.
      const std::vector<float> ones(size_t(cache.kv_heads * cache.head_dim), 1.0f);
      const int64_t slots = int64_t(batch.cache.size() / batch.block_bytes) * cache.block_tokens;
      std::vector<std::byte> keys = batch.cache;
      for (int64_t slot = 0; slot < slots; ++slot) {
        run_team(set->kv_write,
                 {.cache = cache,
                  .keys = ones.data(),
                  .keys_stride = 0,
                  .values = ones.data(),
                  .values_stride = 0,
                  .slots = &slot,
                  .tokens = 1},
                 1);
      }
      for (size_t at = 0; at < keys.size(); at += batch.block_bytes) {
        std::memcpy(batch.cache.data() + at, keys.data() + at, batch.block_bytes / 2);
      }
      const std::vector<float> result = batch.run(*set, 1);
      const int64_t width = batch.params.heads * cache.head_dim;
      // 1 as Q8_0 is 127 times the f16 next to 1 / 127.
      const float one = cache.dtype == DType::kQ8_0 ? 127 * f16_to_f32(f32_to_f16(1 / 127.0f)) : 1;
      for (int64_t t = 0; t < batch.params.tokens; ++t) {
        for (int64_t c = 0; c < width; ++c) {
          ASSERT_NEAR(result[size_t(t * batch.params.out_stride + c)], one, 2e-6);
        }
      }
    }
  }
}

TEST(CpuAttention, HugeScoresStayFinite) {
  Rng rng(test::seed("huge scores"));
  for (const KernelTable* set : test::fast_sets()) {
    Batch batch(rng, {}, {{40, 3}});
    batch.params.scale = 1e4f;
    batch.params.softcap = 0;
    batch.params.sinks = nullptr;
    EXPECT_LE(distance(batch.run(*set, 1), batch.run(ref_set(), 1)), 1e-3);
  }
}

TEST(CpuAttention, CacheRowsAreWrittenAsTheReferenceDoes) {
  Rng rng(test::seed("cache rows"));
  for (const KernelTable* set : test::fast_sets()) {
    for (int i = 0; i < 40; ++i) {
      const Shape shape = random_shape(rng);
      Batch batch(rng, shape, {{50, 1}});
      const int64_t tokens = rng.between(1, 20);
      const int64_t stride = shape.kv_heads * shape.head_dim + 3;
      auto keys = random_floats(rng, size_t(tokens * stride), rng.bernoulli(0.3) ? 1e6f : 3.0f);
      if (shape.dtype != DType::kQ8_0) keys[0] = INFINITY;
      const auto values = random_floats(rng, size_t(tokens * stride), 1e-5f);
      std::vector<int64_t> all(static_cast<size_t>(int64_t(batch.cache.size() / batch.block_bytes) *
                                                   shape.block_tokens));
      std::iota(all.begin(), all.end(), 0);
      rng.shuffle(all);
      std::vector<int64_t> slots(all.begin(), all.begin() + std::min<int64_t>(tokens, ssize(all)));
      slots[0] = -1;
      KvWriteParams p{.cache = batch.params.cache,
                      .keys = keys.data(),
                      .keys_stride = stride,
                      .values = values.data(),
                      .values_stride = stride,
                      .slots = slots.data(),
                      .tokens = ssize(slots)};
      const std::vector<std::byte> before = batch.cache;
      run_team(ref_set().kv_write, p, 1);
      const std::vector<std::byte> expected = batch.cache;
      std::copy(before.begin(), before.end(), batch.cache.begin());
      run_team(set->kv_write, p, 3);
      ASSERT_EQ(batch.cache, expected) << set->name << ' ' << dtype_name(shape.dtype);
    }
  }
}

TEST(CpuAttention, ResultsAreQuantizedAtOnce) {
  Rng rng(test::seed("attention cells"));
  for (const KernelTable* set : test::fast_sets()) {
    if (set->pack_rows == 0) continue;
    Batch batch(rng, {.kv_heads = 2, .group = 3, .head_dim = 64}, {{70, 1}, {3, 9}});
    const int64_t columns = 6 * 64, tokens = batch.params.tokens;
    batch.params.out_stride = columns;
    const size_t row = quantized_row_bytes(columns);
    std::vector<std::byte> expected(size_t(tokens) * row), cells(expected.size());
    const std::vector<float> floats = batch.run(*set, 1);
    set->quantize({.out = expected.data(),
                   .in = floats.data(),
                   .in_stride = columns,
                   .tokens = tokens,
                   .columns = columns},
                  {});
    batch.params.cells = cells.data();
    batch.run(*set, 3);
    EXPECT_EQ(cells, expected) << set->name;
  }
}

TEST(CpuAttention, KeysAreRotatedBeforeTheyAreWritten) {
  Rng rng(test::seed("rotated keys"));
  for (const KernelTable* set : test::fast_sets()) {
    Batch batch(rng, {.kv_heads = 2, .head_dim = 64, .dtype = DType::kF16}, {{50, 1}});
    const int64_t tokens = 7, stride = 128;
    const auto keys = random_floats(rng, size_t(tokens * stride), 3);
    const auto values = random_floats(rng, size_t(tokens * stride), 3);
    std::vector<float> frequency(32);
    for (size_t i = 0; i < 32; ++i) frequency[i] = float(std::pow(1e4, -double(i) / 32));
    std::vector<int32_t> positions(size_t(tokens), 11);
    std::vector<int64_t> slots{3, -1, 40, 41, 0, 1, 30};
    auto rotated = keys;
    RopeParams rope{.x = rotated.data(),
                    .stride = stride,
                    .positions = positions.data(),
                    .inverse_frequency = frequency.data(),
                    .tokens = tokens,
                    .heads = 2,
                    .head_dim = 64,
                    .rotary = 64};
    KvWriteParams p{.cache = batch.params.cache,
                    .keys = rotated.data(),
                    .keys_stride = stride,
                    .values = values.data(),
                    .values_stride = stride,
                    .slots = slots.data(),
                    .tokens = tokens};
    const std::vector<std::byte> before = batch.cache;
    run_team(set->rope, rope, 1);
    run_team(set->kv_write, p, 1);
    const std::vector<std::byte> expected = batch.cache;
    std::copy(before.begin(), before.end(), batch.cache.begin());
    rotated = keys;
    p.rope = rope;
    run_team(set->kv_write, p, 3);
    EXPECT_EQ(batch.cache, expected) << set->name;
  }
}

}  // namespace
}  // namespace llmos::kernels
