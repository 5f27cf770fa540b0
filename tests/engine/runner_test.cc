// SPDX-License-Identifier: Apache-2.0
#include "engine/runner.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "engine/fake_executor.h"

namespace llmos::engine {
namespace {

TEST(Runner, ComputesAtBothDepthsAndSurvivesWhatIsThrown) {
  for (const bool overlap : {false, true}) {
    test::FakeExecutor executor(8);
    auto device = ComputeDevice::create({.threads = 1}).value();
    BlockPool pool = executor.make_pool(*device, 4, 4);
    Runner runner(executor, pool, overlap);
    const std::vector<TokenId> ids{1, 2};
    const kernels::AttentionSpan span{.tokens = 2};
    const int32_t row = 1;
    const Batch batch{.ids = ids, .spans = {&span, 1}, .logit_rows = {&row, 1}};
    for (int i = 0; i < 20; ++i) {
      executor.throws = i % 3 == 0;
      runner.start(batch);
      const auto result = runner.finish();
      EXPECT_EQ(result.ok(), i % 3 != 0);
      if (result.ok()) {
        EXPECT_EQ(result->size(), 8u);
      }
    }
  }
}

}  // namespace
}  // namespace llmos::engine
