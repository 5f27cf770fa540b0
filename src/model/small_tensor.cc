// SPDX-License-Identifier: Apache-2.0
#include "model/small_tensor.h"

#include <string>

#include "base/text.h"
#include "tensor/quant.h"

namespace llmos {

Result<std::vector<float>> read_small_tensor(const Checkpoint& checkpoint, std::string_view name,
                                             uint64_t size) {
  const TensorInfo* const info = checkpoint.find(name);
  if (!info || info->shape.elements() != size || !is_dequantizable(info->dtype)) {
    Text text;
    text << "tensor " << name << ": expected " << size << " floating-point numbers, found ";
    if (!info) return Status(Code::kCorrupt, (text << "nothing").str());
    text << dtype_name(info->dtype) << " " << info->shape.to_string();
    return Status(Code::kCorrupt, std::move(text).str());
  }
  std::vector<std::byte> bytes(info->bytes);
  if (Status status = checkpoint.read(*info, 0, bytes); !status.ok()) return status;
  std::vector<float> values(size);
  dequantize_row(info->dtype, bytes.data(), values.data(), size);
  return values;
}

}  // namespace llmos
