// SPDX-License-Identifier: Apache-2.0
// The reference set: plain loops that say what each operation is, sums in double. Slow; the oracle
// of every other set.
#pragma once

#include "kernels/kernels.h"

namespace llmos::kernels {

const KernelTable& ref_table() noexcept;

namespace ref {

void embed(const EmbedParams& p, const Launch& launch);
void matmul(const MatmulParams& p, const Launch& launch);
void expert_matmul(const ExpertMatmulParams& p, const Launch& launch);
void route(const RouteParams& p, const Launch& launch);
void combine(const CombineParams& p, const Launch& launch);
void norm(const NormParams& p, const Launch& launch);
void rope(const RopeParams& p, const Launch& launch);
void rotate_head(const RopeParams& p, int64_t token, int64_t head);
void kv_write(const KvWriteParams& p, const Launch& launch);
void attention(const AttentionParams& p, const Launch& launch);
void activate(const ActivateParams& p, const Launch& launch);
void add(const AddParams& p, const Launch& launch);
void gather(const GatherParams& p, const Launch& launch);
void cap(const CapParams& p, const Launch& launch);

}  // namespace ref
}  // namespace llmos::kernels
