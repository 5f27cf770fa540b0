// SPDX-License-Identifier: Apache-2.0
// The tables of the CPU's kernel sets. All are the same code on vectors of another width; only
// kernel_sets.cc may call a set that this CPU might not have.
#pragma once

#include "kernels/kernels.h"

namespace llmos::kernels {

const KernelTable& generic_table() noexcept;  // what every CPU of the architecture has
const KernelTable& avx2_table() noexcept;     // AVX2, FMA, F16C
const KernelTable& avx512_table() noexcept;   // and AVX-512 F, BW, DQ, VL, VNNI

}  // namespace llmos::kernels
