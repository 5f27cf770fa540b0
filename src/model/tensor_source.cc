// SPDX-License-Identifier: Apache-2.0
#include "model/tensor_source.h"

namespace llmos {

void divide_rows(const std::string& name, std::initializer_list<RowsOf> parts) {
  uint64_t total = 0, first = 0;
  for (const RowsOf& each : parts) total += each.rows;
  for (const RowsOf& each : parts) {
    const RowPick pick{.total = total, .first = first, .run = each.rows, .stride = each.rows};
    each.part->weight = TensorSource(name + ".weight").picked(pick);
    each.part->bias = TensorSource(name + ".bias").picked(pick);
    first += each.rows;
  }
}

}  // namespace llmos
