// SPDX-License-Identifier: Apache-2.0
#include "model/sharding.h"

#include <gtest/gtest.h>

#include "model/architecture.h"
#include "model/golden_model.h"
#include "model/weight_layout.h"

namespace llmos::test {
namespace {

struct Opened {
  Checkpoint checkpoint;
  ModelFile file;
  explicit Opened(const std::string& model, const char* kind = "gguf")
      : checkpoint(Checkpoint::open(Golden(model).path(kind)).value()),
        file(read_model(checkpoint).value()) {}
};

TEST(Sharding, OneRankHasTheModelItself) {
  const Opened llama("llama3");
  const ModelFile part = shard_model(llama.checkpoint, llama.file, 0, 1).value();
  EXPECT_FALSE(part.config.is_shard());
  EXPECT_EQ(part.config.heads, llama.file.config.heads);
}

TEST(Sharding, ARankHasItsSizesAndItsPlacesInTheFile) {
  const Opened llama("llama3");  // 6 heads of 12 on 2 key heads, 88 hidden elements, 128 words
  const ModelFile part = shard_model(llama.checkpoint, llama.file, 1, 2).value();
  const ModelConfig& c = part.config;
  EXPECT_EQ(c.heads, 3u);
  EXPECT_EQ(c.kv_heads, 1u);
  EXPECT_EQ(c.dim, 40u);
  EXPECT_EQ(c.all_words(), 128u);
  EXPECT_EQ(c.vocabulary, 64u);
  EXPECT_EQ(c.words_max(), 64u);
  const ModelSources::Layer& layer = part.sources.layers[1];
  EXPECT_EQ(layer.query.weight.slice.rows, 72u);
  EXPECT_EQ(layer.query.weight.slice.first_row, 36u);
  EXPECT_EQ(layer.output.weight.slice.columns, 72u);
  EXPECT_EQ(layer.output.weight.slice.first_column, 36u);
  EXPECT_EQ(layer.ffn.down.weight.slice.first_column, layer.ffn.up.weight.slice.first_row);
  EXPECT_TRUE(layer.output.bias.absent);
  EXPECT_EQ(part.sources.embedding.slice.first_row, 64u);
}

TEST(Sharding, ExpertsTooNarrowForTheirBlocksAreDividedByNumber) {
  const Opened oss("gpt_oss");  // 5 experts of one block of 32
  const ModelFile part = shard_model(oss.checkpoint, oss.file, 1, 2).value();
  EXPECT_EQ(part.config.experts.count, 5u);
  EXPECT_EQ(part.config.held_experts(), 3u);
  EXPECT_EQ(part.config.shard.first_expert, 2u);
  EXPECT_EQ(part.sources.layers[0].experts.up.weight.slice.first_matrix, 2u);
  EXPECT_FALSE(part.sources.layers[0].experts.down.bias.absent);
}

TEST(Sharding, SeesTheBlocksOfQuantisedMatrices) {
  const Opened q8("llama_q8_0"), wide("llama_wide_q4_k_m"), plain("llama3");
  EXPECT_EQ(shard_shape(q8.checkpoint, q8.file).ffn_block, 32u);
  EXPECT_EQ(shard_shape(wide.checkpoint, wide.file).output_block, 256u);
  EXPECT_EQ(shard_shape(plain.checkpoint, plain.file).output_block, 1u);
}

TEST(Sharding, NamesTheFileAndTheReasonOfARefusal) {
  const Opened gpt("gpt2");  // 3 heads
  const Status refused = shard_model(gpt.checkpoint, gpt.file, 0, 4).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.message().find(gpt.checkpoint.path()), std::string::npos);
  EXPECT_NE(refused.message().find("3 key heads can neither be divided"), std::string::npos);
}

// Of all golden models: what the ranks hold of the matrices that are divided is the whole, once.
TEST(Sharding, RanksTogetherHoldEveryDividedElementOnce) {
  int divided = 0;
  for (const GoldenVariant& variant : golden_variants()) {
    SCOPED_TRACE(testing::Message() << variant);
    const Opened model(variant.model, variant.kind.c_str());
    for (const int ranks : {2, 3, 4}) {
      if (!shard_model(model.checkpoint, model.file, 0, ranks).ok()) continue;
      ++divided;
      uint64_t gate = 0, down = 0, head = 0;
      for (int r = 0; r < ranks; ++r) {
        ModelFile part = shard_model(model.checkpoint, model.file, r, ranks).value();
        ModelWeights weights;
        const WeightLayout layout = WeightLayout::create(model.checkpoint, part, weights).value();
        const auto& layer = weights.layers[0];
        for (const WeightItem& item : layout.items) {
          const uint64_t elements = item.matrices * item.rows * item.columns;
          if (item.matrix == &layer.ffn.up.weight || item.matrix == &layer.experts.up.weight)
            gate += elements;
          if (item.matrix == &layer.ffn.down.weight || item.matrix == &layer.experts.down.weight)
            down += elements;
          if (item.matrix == &weights.embedding) head += elements;
        }
      }
      const ModelConfig& c = model.file.config;
      const uint64_t hidden =
          c.layers[0].experts ? uint64_t{c.experts.count} * c.experts.dim : c.ffn_dim;
      EXPECT_EQ(gate, hidden * c.dim);
      EXPECT_EQ(down, hidden * c.dim);
      EXPECT_EQ(head, uint64_t{c.vocabulary} * c.dim);
    }
  }
  EXPECT_GT(divided, 50);
}

}  // namespace
}  // namespace llmos::test
