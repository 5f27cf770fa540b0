// SPDX-License-Identifier: Apache-2.0
// Random sequences in a paged cache, and attention over them by the reference.
#pragma once

#include "kernels/cuda/gpu.h"

namespace llmos::test {

struct CacheShape {
  int64_t heads = 4, kv_heads = 2, head_dim = 64, block_tokens = 8;
  DType dtype = DType::kF16;
};

// Sequences of `positions[i] + tokens[i]` keys of which the last tokens[i] ask. The reference sees
// the same keys as f32, and queries rounded as the kernel rounds them.
class PagedCase {
 public:
  PagedCase(Rng& rng, const CacheShape& shape, std::vector<int64_t> positions,
            std::vector<int64_t> tokens)
      : shape_(shape) {
    int64_t blocks = 1;
    for (size_t s = 0; s < positions.size(); ++s) {
      blocks += (positions[s] + tokens[s] + shape.block_tokens - 1) / shape.block_tokens;
    }
    // Blocks of all sequences in turn, from the last to the first.
    int64_t next = blocks - 1;
    for (size_t s = 0; s < positions.size(); ++s) {
      std::vector<int32_t> table;
      for (int64_t k = 0; k < positions[s] + tokens[s]; k += shape.block_tokens) {
        table.push_back(int32_t(next--));
      }
      tables_.push_back(on_gpu(table));
      spans_.push_back({tokens_, tokens[s], positions[s], tables_.back().data()});
      tokens_ += tokens[s];
    }
    const int64_t elements = blocks * shape.kv_heads * shape.block_tokens * shape.head_dim;
    fill(rng, elements, keys_, keys32_);
    fill(rng, elements, values_, values32_);
    queries_ = gpu_floats(rng, size_t(tokens_ * shape.heads * shape.head_dim), 2);
    for (float& x : queries_) x = narrowed(x);
  }

  int64_t out_size() const { return tokens_ * shape_.heads * shape_.head_dim; }

  kernels::AttentionParams params(float* out) const {
    kernels::AttentionParams p;
    p.out = out;
    p.out_stride = p.queries_stride = shape_.heads * shape_.head_dim;
    p.queries = queries_.data();
    p.cache = cache(keys_.data(), values_.data(), shape_.dtype);
    p.spans = spans_.data();
    p.span_count = int64_t(spans_.size());
    p.tokens = tokens_;
    p.heads = shape_.heads;
    p.scale = 0.2f;
    return p;
  }

  std::vector<float> expected(kernels::AttentionParams p) const {
    std::vector<float> out(static_cast<size_t>(out_size()));
    p.out = out.data();
    p.cells = nullptr;
    p.cache = cache(reinterpret_cast<const std::byte*>(keys32_.data()),
                    reinterpret_cast<const std::byte*>(values32_.data()), DType::kF32);
    run_team<kernels::AttentionParams>(ref_set().attention, p, 1);
    return out;
  }

  GpuVector<float> queries_;
  GpuVector<kernels::AttentionSpan> spans_;
  int64_t tokens_ = 0;

 private:
  float narrowed(float x) const {
    return shape_.dtype == DType::kBF16 ? bf16_to_f32(f32_to_bf16(x)) : f16_to_f32(f32_to_f16(x));
  }

  kernels::KvLayer cache(const std::byte* keys, const std::byte* values, DType dtype) const {
    const int64_t block = shape_.kv_heads * shape_.block_tokens * shape_.head_dim;
    return {.keys = const_cast<std::byte*>(keys),
            .values = const_cast<std::byte*>(values),
            .block_bytes = size_t(row_bytes(dtype, uint64_t(block)).value()),
            .dtype = dtype,
            .block_tokens = shape_.block_tokens,
            .kv_heads = shape_.kv_heads,
            .head_dim = shape_.head_dim};
  }

  void fill(Rng& rng, int64_t count, GpuVector<std::byte>& bytes, std::vector<float>& floats) {
    const size_t size = dtype_traits(shape_.dtype).block_bytes;
    bytes.resize(size_t(count) * size);
    for (int64_t i = 0; i < count; ++i) {
      const float x = float(rng.uniform() * 2 - 1);
      uint16_t bits = shape_.dtype == DType::kF16    ? f32_to_f16(x)
                      : shape_.dtype == DType::kBF16 ? f32_to_bf16(x)
                                                     : f32_to_f8e4m3(x);
      std::memcpy(bytes.data() + size_t(i) * size, &bits, size);
      floats.push_back(shape_.dtype == DType::kF16    ? f16_to_f32(bits)
                       : shape_.dtype == DType::kBF16 ? bf16_to_f32(bits)
                                                      : f8e4m3_to_f32(uint8_t(bits)));
    }
  }

  CacheShape shape_;
  std::vector<GpuVector<int32_t>> tables_;
  GpuVector<std::byte> keys_, values_;
  std::vector<float> keys32_, values32_;
};

}  // namespace llmos::test
