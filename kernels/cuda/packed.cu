// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/packed.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

template <class Format>
size_t group_bytes(int64_t columns) {
  return size_t(ceil_div(columns, Format::kColumns)) * kPackedBytes<Format>;
}

template <class Format>
void launch_pack(const PackParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.rows, kGroupRows)));
  LAUNCH(pack_group<Format>, grid, kPackThreads, 0, launch.stream, p);
}

}  // namespace

size_t packed_bytes(DType dtype, int64_t columns) {
  if (columns % kCellColumns != 0) return 0;
  switch (dtype) {
    case DType::kBF16:
      return group_bytes<PackedBF16>(columns);
    case DType::kQ8_0:
      return group_bytes<PackedQ8>(columns);
    case DType::kQ4_0:
      return group_bytes<PackedQ4>(columns);
    default:
      return 0;
  }
}

void pack(const PackParams& p, const CudaLaunch& launch) {
  if (p.rows == 0) return;
  switch (p.dtype) {
    case DType::kBF16:
      return launch_pack<PackedBF16>(p, launch);
    case DType::kQ8_0:
      return launch_pack<PackedQ8>(p, launch);
    default:
      return launch_pack<PackedQ4>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
