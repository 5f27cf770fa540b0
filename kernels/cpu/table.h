// SPDX-License-Identifier: Apache-2.0
// The table of the set that this unit is compiled for.
#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/packed_matmul.h"
#include "kernels/cpu/pointwise.h"
#include "kernels/kernels.h"

namespace llmos::kernels {
namespace {

void matmul_any(const MatmulParams& p, const Launch& launch) {
  p.weight.packed ? matmul_packed(p, launch) : matmul(p, launch);
}
void expert_matmul_any(const ExpertMatmulParams& p, const Launch& launch) {
  p.weight.packed ? expert_matmul_packed(p, launch) : expert_matmul(p, launch);
}

constexpr KernelTable kTable{
    .name = kSetName,
    .embed = embed,
    .matmul = matmul_any,
    .expert_matmul = expert_matmul_any,
    .route = route,
    .combine = combine,
    .norm = norm,
    .rope = rope,
    .kv_write = kv_write,
    .attention = attention,
    .activate = activate,
    .add = add,
    .gather = gather,
    .cap = cap,
    .pack_rows = kGroupRows,
    .packed_bytes = packed_group_bytes,
    .pack = pack,
    .quantize = quantize,
};

}  // namespace
}  // namespace llmos::kernels
