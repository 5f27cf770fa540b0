// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

TEST(CudaEmbed, EqualsTheReferenceForEveryType) {
  for (const DType dtype : gpu_weight_dtypes()) {
    for (const int64_t wanted : {35, 64, 1088}) {
      const int64_t columns = is_quantized(dtype) ? whole_blocks(dtype, wanted) : wanted;
      for (const bool accumulate : {false, true}) {
        SCOPED_TRACE(dtype_name(dtype));
        Rng rng{uint64_t(columns)};
        const GpuMatrix table(rng, dtype, 9, columns);
        const GpuVector<int32_t> ids = on_gpu(std::vector<int32_t>{8, 0, 3});
        const GpuVector<float> start = gpu_floats(rng, size_t(3 * columns));
        EmbedParams p;
        p.table = table.matrix;
        p.ids = ids.data();
        p.tokens = 3;
        p.scale = 1.25f;
        p.accumulate = accumulate;
        std::vector<float> expected = on_host(start);
        p.out = expected.data();
        run_team<EmbedParams>(ref_set().embed, p, 1);
        in_orders([&] {
          GpuVector<float> out = start;
          p.out = out.data();
          run(gpu().embed, p);
          EXPECT_LT(distance(on_host(out), expected), 1e-6);
        });
      }
    }
  }
}

}  // namespace
}  // namespace llmos::test
