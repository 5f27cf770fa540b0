// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/gemv.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

// From so many rows on, warps of four still fill 132 multiprocessors: 8 warps each.
constexpr int64_t kManyRows = 4 * 8 * 132;

bool is_wide(const Matrix& weight, const float* in, int64_t in_stride) {
  const auto address = reinterpret_cast<uintptr_t>(in) | reinterpret_cast<uintptr_t>(weight.data);
  const bool blocks = weight.dtype == DType::kQ8_0 || weight.dtype == DType::kQ4_0;
  return blocks ? reinterpret_cast<uintptr_t>(in) % 16 == 0 && in_stride % 4 == 0
                : address % 16 == 0 && in_stride % 4 == 0 && weight.columns % 8 == 0 &&
                      weight.row_bytes % 8 == 0 &&
                      (weight.dtype == DType::kF8E4M3 || weight.row_bytes % 16 == 0) &&
                      weight.matrix_bytes % 16 == 0;
}

template <DType Type, int Rows, int Tokens, bool Wide>
void launch_gemv(const MatmulParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.weight.rows, Rows * (kGemvThreads / kWarp))),
                  unsigned(ceil_div(p.tokens, kGemvTokens)));
  const auto kernel = gemv_rows<Type, Rows, Tokens, Wide>;
  LAUNCH(kernel, grid, kGemvThreads, 0, launch.stream, p);
}

template <DType Type>
void launch_typed(const MatmulParams& p, const CudaLaunch& launch) {
  if constexpr (!kInBlocks<Type>) {
    if (!is_wide(p.weight, p.in, p.in_stride)) {
      return launch_gemv<Type, 1, kGemvTokens, false>(p, launch);
    }
  }
  if (p.tokens > 1) return launch_gemv<Type, 1, kGemvTokens, true>(p, launch);
  p.weight.rows >= kManyRows ? launch_gemv<Type, 4, 1, true>(p, launch)
                             : launch_gemv<Type, 1, 1, true>(p, launch);
}

template <DType Type>
void launch_slots(const ExpertMatmulParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.weight.rows, kGemvThreads / kWarp)), unsigned(p.slots));
  if constexpr (!kInBlocks<Type>) {
    if (!is_wide(p.weight, p.in, p.weight.columns)) {
      const auto kernel = gemv_slots<Type, false>;
      LAUNCH(kernel, grid, kGemvThreads, 0, launch.stream, p);
      return;
    }
  }
  const auto kernel = gemv_slots<Type, true>;
  LAUNCH(kernel, grid, kGemvThreads, 0, launch.stream, p);
}

}  // namespace

bool reads_weights(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kF8E4M3 || dtype == DType::kQ8_0 || dtype == DType::kQ4_0;
}

void gemv(const MatmulParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0 || p.weight.rows == 0) return;
  switch (p.weight.dtype) {
    case DType::kF32:
      return launch_typed<DType::kF32>(p, launch);
    case DType::kF16:
      return launch_typed<DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_typed<DType::kBF16>(p, launch);
    case DType::kF8E4M3:
      return launch_typed<DType::kF8E4M3>(p, launch);
    case DType::kQ8_0:
      return launch_typed<DType::kQ8_0>(p, launch);
    default:
      return launch_typed<DType::kQ4_0>(p, launch);
  }
}

void expert_gemv(const ExpertMatmulParams& p, const CudaLaunch& launch) {
  if (p.slots == 0 || p.weight.rows == 0) return;
  switch (p.weight.dtype) {
    case DType::kF32:
      return launch_slots<DType::kF32>(p, launch);
    case DType::kF16:
      return launch_slots<DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_slots<DType::kBF16>(p, launch);
    case DType::kF8E4M3:
      return launch_slots<DType::kF8E4M3>(p, launch);
    case DType::kQ8_0:
      return launch_slots<DType::kQ8_0>(p, launch);
    default:
      return launch_slots<DType::kQ4_0>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
