// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

struct Row {
  std::vector<float> logits;
  float temperature = 1;
  int32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
};

// `draws` tokens of the row, of positions 0, 1, ...
std::vector<int32_t> sample(const Row& row, int64_t draws, uint64_t seed = 5) {
  const size_t rows = size_t(draws);
  GpuVector<int32_t> tokens(rows);
  const GpuVector<float> logits = on_gpu(row.logits), temperature(rows, row.temperature);
  const GpuVector<int32_t> top_k(rows, row.top_k);
  const GpuVector<float> top_p(rows, row.top_p), min_p(rows, row.min_p);
  const GpuVector<uint64_t> seeds(rows, seed);
  GpuVector<uint64_t> positions(rows);
  std::iota(positions.begin(), positions.end(), 0u);
  SampleParams p;
  p.tokens = tokens.data();
  p.logits = logits.data();
  p.stride = 0;  // every row is the same one
  p.rows = draws;
  p.vocabulary = int64_t(row.logits.size());
  p.temperature = temperature.data();
  p.top_k = top_k.data();
  p.top_p = top_p.data();
  p.min_p = min_p.data();
  p.seeds = seeds.data();
  p.positions = positions.data();
  run(gpu_ops().sample, p);
  return on_host(tokens);
}

// The tokens that may be drawn, by a sort, and their probabilities.
std::map<int32_t, double> allowed(const Row& row) {
  std::vector<int32_t> order(row.logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return row.logits[size_t(a)] > row.logits[size_t(b)];
  });
  if (row.top_k > 0 && size_t(row.top_k) < order.size()) order.resize(size_t(row.top_k));
  const double largest = row.logits[size_t(order[0])];
  std::vector<double> weights;
  double sum = 0;
  for (const int32_t i : order) {
    const double w = std::exp((row.logits[size_t(i)] - largest) / row.temperature);
    if (w < row.min_p) break;
    weights.push_back(w);
    sum += w;
  }
  std::map<int32_t, double> result;
  double kept = 0;
  for (size_t i = 0; i < weights.size() && (kept < row.top_p * sum); ++i) {
    result[order[i]] = weights[i];
    kept += weights[i];
  }
  for (auto& [token, weight] : result) weight /= kept;
  return result;
}

TEST(CudaSample, GreedyIsTheFirstOfTheLargest) {
  Rng rng(1);
  Row row{random_floats(rng, 3000), 0};
  row.logits[1234] = row.logits[2999] = 2;
  in_orders([&] { EXPECT_EQ(sample(row, 1), std::vector<int32_t>{1234}); });
  row.logits.assign(40, -1);
  EXPECT_EQ(sample(row, 1), std::vector<int32_t>{0});
}

// Exactly the allowed tokens are drawn, each as often as its probability says (chi-squared).
void check_draws(const Row& row, int64_t draws) {
  const std::map<int32_t, double> expected = allowed(row);
  std::map<int32_t, int64_t> counts;
  for (const int32_t token : sample(row, draws)) ++counts[token];
  double chi_squared = 0;
  for (const auto& [token, count] : counts) {
    EXPECT_TRUE(expected.contains(token)) << token;
  }
  for (const auto& [token, p] : expected) {
    const double wanted = p * double(draws);
    chi_squared += (double(counts[token]) - wanted) * (double(counts[token]) - wanted) / wanted;
  }
  // Mean n - 1, deviation sqrt(2 (n - 1)): five of them, plus room for small n.
  const double freedom = double(expected.size()) - 1;
  EXPECT_LT(chi_squared, freedom + 5 * std::sqrt(2 * freedom) + 5);
}

TEST(CudaSample, DrawsFromWhatTheCutsLeave) {
  Rng rng(2);
  const std::vector<float> logits = random_floats(rng, 64, 2);
  constexpr int64_t kDraws = 400;
  check_draws({logits, 0.8f}, kDraws);
  check_draws({logits, 1.5f, 5}, kDraws);
  check_draws({logits, 1, 0, 0.4f}, kDraws);
  check_draws({logits, 1, 0, 1, 0.5f}, kDraws);
  check_draws({logits, 1, 20, 0.7f, 0.2f}, kDraws);
}

TEST(CudaSample, EqualLogitsAtACutTheFirstStay) {
  Row row{std::vector<float>(600, 0.0f), 1, 7};
  std::set<int32_t> seen;
  for (const int32_t token : sample(row, 100)) seen.insert(token);
  EXPECT_EQ(seen, (std::set<int32_t>{0, 1, 2, 3, 4, 5, 6}));
  row.top_k = 0;
  row.top_p = 0.01f;  // six of 600
  seen.clear();
  for (const int32_t token : sample(row, 100)) seen.insert(token);
  EXPECT_EQ(seen, (std::set<int32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(CudaSample, ADrawIsOfItsSeedAndPositionAlone) {
  Rng rng(3);
  const Row row{random_floats(rng, 1000), 1, 300, 0.9f};
  const std::vector<int32_t> first = sample(row, 12);
  in_orders([&] { EXPECT_EQ(sample(row, 12), first); });
  EXPECT_NE(sample(row, 12, 6), first);
}

TEST(CudaSample, ForbiddenTokensAreNeverDrawn) {
  Row row{std::vector<float>(100, -INFINITY)};
  row.logits[31] = row.logits[77] = 1;
  for (const int32_t token : sample(row, 50)) EXPECT_TRUE(token == 31 || token == 77);
}

}  // namespace
}  // namespace llmos::test
