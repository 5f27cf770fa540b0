// SPDX-License-Identifier: Apache-2.0
// Whole models on the emulated GPU: the tokens are those of the CPU, by the tie rule (a token may
// differ only where the two best logits are closer than the backends' rounding).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "kernels/cuda/cuda.h"
#include "model/model_runner.h"

namespace llmos::test {
namespace {

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

struct Outcome {
  double distance = 0;  // the largest |difference| of a logit, of the largest |logit|
  int ties = 0;
};

std::unique_ptr<ModelRunner> open(const std::string& name, const std::string& set) {
  RunnerOptions options;
  options.kernel_set = set;
  options.kv_dtype = DType::kF16;
  options.repack = set == "cuda-emu";
  auto runner = ModelRunner::open(kModels + name, options);
  EXPECT_TRUE(runner) << runner.status().message();
  return *std::move(runner);
}

// Feeds both the CPU's own tokens, and compares every position.
Outcome compare(const std::string& name, double tolerance) {
  SCOPED_TRACE(name);
  const auto cpu = open(name, "ref"), gpu = open(name, "cuda-emu");
  EXPECT_EQ(std::string(gpu->device().kernels().name), "cuda-emu");
  std::vector<TokenId> ids{1, 17, 5, 90, 33, 60, 2, 41, 77};
  const std::vector<TokenId> more = cpu->greedy(ids, 3);
  ids.insert(ids.end(), more.begin(), more.end());
  const std::vector<float> expected = cpu->logits(ids), got = gpu->logits(ids);
  const size_t vocabulary = cpu->vocabulary();
  Outcome outcome;
  double largest = 0;
  for (const float logit : expected) largest = std::max(largest, std::abs(double(logit)));
  for (size_t t = 0; t < ids.size(); ++t) {
    const std::span<const float> a(expected.data() + t * vocabulary, vocabulary);
    const std::span<const float> b(got.data() + t * vocabulary, vocabulary);
    for (size_t v = 0; v < vocabulary; ++v) {
      outcome.distance = std::max(outcome.distance, std::abs(double(a[v]) - b[v]) / largest);
    }
    const size_t best_a = size_t(best_token(a)), best_b = size_t(best_token(b));
    if (best_a == best_b) continue;
    ++outcome.ties;
    EXPECT_LT((a[best_a] - a[best_b]) / largest, 2 * tolerance) << "position " << t;
  }
  EXPECT_LT(outcome.distance, tolerance);
  // A token at a time: the same bits as all at once.
  EXPECT_EQ(gpu->logits(ids, 1), got);
  return outcome;
}

// Activations are bf16 where weights are packed: eight bits, through a few layers.
constexpr double kTolerance = 0.03;

TEST(CudaModel, TokensAreThoseOfTheCpu) {
  ASSERT_EQ(std::string(kernels::cuda_emu_table().name), "cuda-emu");  // links the set
  for (const char* name : {"llama3", "llama_q4_0", "llama_q8_0", "qwen3", "gemma2", "gpt_oss",
                           "mixtral", "gpt2", "phi3"}) {
    std::string path = name;
    path += std::filesystem::exists(kModels + name + "/model.gguf") ? "/model.gguf" : "/hf";
    const Outcome outcome = compare(path, kTolerance);
    printf("%s: largest difference of a logit %.1e of the largest, ties %d\n", name,
           outcome.distance, outcome.ties);
  }
}

}  // namespace
}  // namespace llmos::test
