// SPDX-License-Identifier: Apache-2.0
#include "kv/block_layout.h"

#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/text.h"

namespace llmos {
namespace {

bool is_cache_dtype(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kQ8_0;
}

Status bad_size(const char* what, int64_t size, int64_t size_max) {
  return Status(Code::kInvalid, (Text() << "kv block: expected 1 to " << size_max << ' ' << what
                                        << ", found " << size)
                                    .str());
}

}  // namespace

Result<BlockLayout> BlockLayout::create(const BlockShape& shape) {
  constexpr int64_t kCountMax = 1 << 16;  // layers, heads: far beyond any model
  const auto outside = [](int64_t size, int64_t size_max) { return size < 1 || size > size_max; };
  if (outside(shape.layers, kCountMax)) return bad_size("layers", shape.layers, kCountMax);
  if (outside(shape.kv_heads, kCountMax)) return bad_size("kv heads", shape.kv_heads, kCountMax);
  if (outside(shape.head_dim, kernels::kHeadDimMax)) {
    return bad_size("elements in a head", shape.head_dim, kernels::kHeadDimMax);
  }
  if (outside(shape.block_tokens, kBlockTokensMax)) {
    return bad_size("tokens in a block", shape.block_tokens, kBlockTokensMax);
  }
  if (!is_cache_dtype(shape.dtype)) {
    return Status(Code::kUnsupported, (Text() << "kv type " << dtype_name(shape.dtype)
                                              << ": expected F32, F16, BF16 or Q8_0")
                                          .str());
  }
  const int64_t tail = shape.tail_tokens;
  if (tail != 0 && (outside(tail, shape.block_tokens) || shape.block_tokens % tail != 0 ||
                    shape.block_tokens / tail > int64_t(kUnitsMax))) {
    return Status(Code::kInvalid, (Text() << "kv tail: expected a divisor of " << shape.block_tokens
                                          << " tokens, at least a 16th of it, found " << tail)
                                      .str());
  }
  const auto row = row_bytes(shape.dtype, uint64_t(shape.head_dim));
  if (!row) {
    return Status(Code::kInvalid,
                  (Text() << "kv type " << dtype_name(shape.dtype) << ": heads of "
                          << shape.head_dim << " elements are no whole number of its blocks of "
                          << dtype_traits(shape.dtype).block_elements << "; choose F16")
                      .str());
  }
  // No overflow: the bounds above multiply to less than 2^56.
  const uint64_t rows = uint64_t(shape.kv_heads) * uint64_t(shape.block_tokens);
  const uint64_t part = (rows * *row + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
  if (part > kBlockBytesMax / 2 / uint64_t(shape.layers)) {
    return Status(Code::kInvalid, (Text() << "kv block: more than " << bytes_text(kBlockBytesMax)
                                          << "; fewer tokens in a block are needed")
                                      .str());
  }
  return BlockLayout(shape, size_t(*row), size_t(part));
}

BlockLayout::BlockLayout(const BlockShape& shape, size_t row_bytes, size_t part_bytes)
    : shape_(shape), row_bytes_(row_bytes), part_bytes_(part_bytes), granule_bytes_(block_bytes()) {
  if (shape.tail_tokens == 0) return;
  units_per_block_ = uint32_t(shape.block_tokens / shape.tail_tokens);
  const size_t unit_bytes = size_t(shape.tail_tokens) * row_bytes;
  granule_bytes_ = std::gcd(block_bytes(), unit_bytes);
  granules_per_block_ = int32_t(block_bytes() / granule_bytes_);  // at most 2^30: kBlockBytesMax
  granules_per_unit_ = int32_t(unit_bytes / granule_bytes_);
}

kernels::KvLayer BlockLayout::layer(std::byte* blocks, int64_t index) const {
  LLMOS_DCHECK(index >= 0 && index < shape_.layers) << "layer " << index;
  std::byte* const keys = blocks + size_t(index) * 2 * part_bytes_;
  return {.keys = keys,
          .values = keys + part_bytes_,
          .block_bytes = granule_bytes_,
          .dtype = shape_.dtype,
          .block_tokens = shape_.block_tokens,
          .kv_heads = shape_.kv_heads,
          .head_dim = shape_.head_dim};
}

void BlockLayout::copy_rows(const std::byte* from, std::byte* to, int64_t tokens) const {
  LLMOS_DCHECK(tokens >= 0 && tokens <= shape_.block_tokens) << tokens << " tokens";
  const size_t head_bytes = size_t(shape_.block_tokens) * row_bytes_;
  for (int64_t part = 0; part < 2 * shape_.layers; ++part) {
    for (int64_t head = 0; head < shape_.kv_heads; ++head) {
      const size_t at = size_t(part) * part_bytes_ + size_t(head) * head_bytes;
      std::memcpy(to + at, from + at, size_t(tokens) * row_bytes_);
    }
  }
}

}  // namespace llmos
