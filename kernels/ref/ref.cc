// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/ref.h"

namespace llmos::kernels {

const KernelTable& ref_table() noexcept {
  static constexpr KernelTable kTable{
      .name = "ref",
      .embed = ref::embed,
      .matmul = ref::matmul,
      .expert_matmul = ref::expert_matmul,
      .route = ref::route,
      .combine = ref::combine,
      .norm = ref::norm,
      .rope = ref::rope,
      .kv_write = ref::kv_write,
      .attention = ref::attention,
      .activate = ref::activate,
      .add = ref::add,
      .gather = ref::gather,
      .cap = ref::cap,
  };
  return kTable;
}

}  // namespace llmos::kernels
