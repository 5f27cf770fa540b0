// SPDX-License-Identifier: Apache-2.0
#include "sched/value_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

struct Table {
  std::vector<uint32_t> edges;
  std::vector<double> lengths, hazards;
};

Table random_table(Rng& rng) {
  Table t;
  t.edges.push_back(0);
  const size_t bins = 2 + size_t(rng.below(30));
  for (size_t i = 0; i < bins; ++i) {
    t.edges.push_back(t.edges.back() + 1 + uint32_t(rng.below(40)));
    t.lengths.push_back((t.edges[i] + t.edges[i + 1]) / 2.0 + .5);
    t.hazards.push_back(i + 1 == bins ? 1 : rng.uniform() * .9);
  }
  return t;
}

// The definition, term by term.
double plain_index(const Table& t, double alpha, uint32_t bin, uint32_t prompt, uint32_t context,
                   const SchedulingCosts& c) {
  double mean = 0, alive = 1;
  for (size_t i = 0; i < t.hazards.size(); ++i) {
    mean += alive * t.hazards[i] * t.lengths[i];
    alive *= 1 - t.hazards[i];
  }
  const double slot = c.step / c.slots;
  double cost =
      prompt * c.prompt_token + std::ceil(prompt / double(c.tokens_per_step - c.slots)) * slot;
  double value = 0, best = 0, reach = 1;
  for (size_t i = bin; i < t.hazards.size(); ++i) {
    const double q = t.hazards[i], width = t.edges[i + 1] - t.edges[i];
    const auto tokens = [&](double count) {  // cost of `count` tokens from the bin's start
      const double first = t.edges[i] - t.edges[bin];
      return count * (slot + c.decode + c.context_token * (context + first + count / 2));
    };
    value += reach * q * (alpha / mean + (1 - alpha) / t.lengths[i]);
    cost += reach * (q * tokens(t.lengths[i] - t.edges[i]) + (1 - q) * tokens(width));
    reach *= 1 - q;
    best = std::max(best, value / cost);
  }
  return best;
}

TEST(ValueIndex, IsTheDefinition) {
  Rng rng(test::seed("value index"));
  const SchedulingCosts costs;
  for (int round = 0; round < 500; ++round) {
    const Table t = random_table(rng);
    const double alpha = rng.uniform();
    ValueIndex index;
    index.build(t.edges, t.lengths, t.hazards, alpha);
    const auto bin = uint32_t(rng.below(t.hazards.size()));
    const auto prompt = uint32_t(rng.below(3) * rng.below(4000));
    const auto context = uint32_t(rng.below(8000));
    const double wanted = plain_index(t, alpha, bin, prompt, context, costs);
    ASSERT_NEAR(index.index(bin, prompt, context, costs) / wanted, 1, 1e-6) << "round " << round;
  }
}

// Exponential lengths under alpha 1: what has been done says nothing of what is to come.
TEST(ValueIndex, ConstantHazardMakesAgeIrrelevant) {
  Table t;
  for (uint32_t i = 0; i <= 400; ++i) t.edges.push_back(i * 8);
  for (uint32_t i = 0; i < 400; ++i) {
    t.lengths.push_back(i * 8 + 4.5);
    t.hazards.push_back(i == 399 ? 1 : .05);
  }
  ValueIndex index;
  index.build(t.edges, t.lengths, t.hazards, 1);
  SchedulingCosts costs;
  costs.context_token = 0;
  EXPECT_NEAR(index.index(0, 0, 100, costs) / index.index(50, 0, 500, costs), 1, 1e-6);
}

}  // namespace
}  // namespace llmos::sched
