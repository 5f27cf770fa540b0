// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace llmos::kernels {
namespace {

TEST(KernelSets, AreListedAndFoundByName) {
  ASSERT_GE(kernel_sets().size(), 2u);
  EXPECT_STREQ(kernel_sets()[0]->name, "ref");
  EXPECT_STREQ(kernel_sets()[1]->name, "generic");
  for (const KernelTable* set : kernel_sets()) EXPECT_EQ(find_kernel_set(set->name), set);
  EXPECT_EQ(find_kernel_set("none"), nullptr);
  EXPECT_EQ(find_kernel_set(""), nullptr);
}

TEST(KernelSets, TheBestIsOneOfThem) {
  const auto sets = kernel_sets();
  EXPECT_NE(std::find(sets.begin(), sets.end(), &best_kernel_set()), sets.end());
  EXPECT_NE(std::string(best_kernel_set().name), "ref");
}

TEST(KernelSets, EverySetHasEveryOperation) {
  for (const KernelTable* set : kernel_sets()) {
    EXPECT_TRUE(set->embed && set->matmul && set->expert_matmul && set->route && set->combine)
        << set->name;
    EXPECT_TRUE(set->norm && set->rope && set->kv_write && set->attention) << set->name;
    EXPECT_TRUE(set->activate && set->add && set->gather && set->cap) << set->name;
  }
}

}  // namespace
}  // namespace llmos::kernels
