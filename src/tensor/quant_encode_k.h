// SPDX-License-Identifier: Apache-2.0
// The K types' half of quant_encode.h: super blocks of 256, where the scales of the groups are
// small integers times one half of the whole block.
#pragma once

#include "tensor/quant_blocks.h"

namespace llmos {

// x and importance (may be null) of 256 elements, with the contract of quantize_row().
void encode_super_block(const float* x, const float* importance, BlockQ4_K& block) noexcept;
void encode_super_block(const float* x, const float* importance, BlockQ5_K& block) noexcept;
void encode_super_block(const float* x, const float* importance, BlockQ6_K& block) noexcept;

}  // namespace llmos
