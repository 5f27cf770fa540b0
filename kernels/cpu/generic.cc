// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/table.h"

namespace llmos::kernels {

const KernelTable& generic_table() noexcept { return kTable; }

}  // namespace llmos::kernels
