// SPDX-License-Identifier: Apache-2.0
// The table of the set that this unit is compiled for.
#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/pointwise.h"
#include "kernels/kernels.h"

namespace llmos::kernels {
namespace {

constexpr KernelTable kTable{
    .name = kSetName,
    .embed = embed,
    .matmul = matmul,
    .expert_matmul = expert_matmul,
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
};

}  // namespace
}  // namespace llmos::kernels
