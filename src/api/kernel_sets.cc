// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_sets.h"

#include "llmos/model.h"

namespace llmos {

std::vector<KernelSet> kernel_sets() {
  const kernels::KernelTable& best = kernels::best_kernel_set();
  std::vector<KernelSet> sets;
  for (const kernels::KernelTable* table : kernels::kernel_sets()) {
    sets.push_back({.name = table->name, .best = table == &best});
  }
  return sets;
}

}  // namespace llmos
