// SPDX-License-Identifier: Apache-2.0
#include "format/quantise_rules.h"

#include <gtest/gtest.h>

#include <vector>

namespace llmos {
namespace {

TensorInfo tensor(const char* name, Shape shape, DType dtype = DType::kF16) {
  return {.name = name, .dtype = dtype, .shape = shape};
}

QuantiseContext context(DType wanted, bool has_output = true, bool has_experts = false) {
  return {wanted, has_output, has_experts};
}

TEST(QuantiseRules, LargeMatricesGetTheTypeAskedFor) {
  for (const DType wanted : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K,
                             DType::kIQ4_NL, DType::kMXFP4}) {
    for (const DType source : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_1}) {
      for (const char* name : {"blk.0.attn_q.weight", "blk.7.ffn_down.weight", "token_embd.weight",
                               "blk.0.ffn_gate_exps.weight"}) {
        const TypeChoice choice = choose_type(tensor(name, {512, 256}, source), context(wanted));
        EXPECT_EQ(choice.dtype, wanted) << name;
        EXPECT_EQ(choice.reason, "");
      }
    }
  }
}

TEST(QuantiseRules, SmallAndSensitiveTensorsStay) {
  const TensorInfo kept[] = {
      tensor("blk.0.attn_norm.weight", {256}),
      tensor("blk.0.attn_q_norm.weight", {8, 256}),
      tensor("blk.0.attn_q.bias", {256}),
      tensor("blk.0.attn_q.bias", {2, 256}),
      tensor("blk.0.ffn_gate_inp.weight", {8, 256}),
      tensor("position_embd.weight", {1024, 256}),
      tensor("token_types.weight", {2, 256}),
      tensor("rope_freqs.weight", {64}),
      tensor("blk.0.attn_sinks.weight", {64}),
      tensor("blk.0.ssm_conv1d.weight", {256, 4}),
      tensor("blk.0.scale.weight", {1, 1, 256}),
      tensor("blk.0.ids.weight", {512, 256}, DType::kI32),
      tensor("blk.0.precise.weight", {512, 256}, DType::kF64),
  };
  for (const TensorInfo& info : kept) {
    const TypeChoice choice = choose_type(info, context(DType::kQ4_0));
    EXPECT_EQ(choice.dtype, info.dtype) << info.name;
    EXPECT_EQ(choice.reason, "");
  }
}

TEST(QuantiseRules, TheLogitsGetMoreBits) {
  const TensorInfo output = tensor("output.weight", {1000, 256});
  const TensorInfo embedding = tensor("token_embd.weight", {1000, 256});
  for (const DType wanted : {DType::kQ4_0, DType::kQ4_K, DType::kQ5_K, DType::kIQ4_NL}) {
    EXPECT_EQ(choose_type(output, context(wanted)).dtype, DType::kQ6_K);
    EXPECT_EQ(choose_type(output, context(wanted)).reason, "it makes the logits");
    EXPECT_EQ(choose_type(embedding, context(wanted, false)).dtype, DType::kQ6_K) << "tied";
    EXPECT_EQ(choose_type(tensor("output.weight", {1000, 96}), context(wanted)).dtype,
              DType::kQ8_0);
    EXPECT_EQ(choose_type(tensor("output.weight", {1000, 90}), context(wanted)).dtype, DType::kF16);
  }
  EXPECT_EQ(choose_type(output, context(DType::kQ6_K)).dtype, DType::kQ6_K);
  EXPECT_EQ(choose_type(output, context(DType::kQ6_K)).reason, "");
  EXPECT_EQ(choose_type(output, context(DType::kQ8_0)).dtype, DType::kQ8_0);
  EXPECT_EQ(choose_type(output, context(DType::kMXFP4)).dtype, DType::kQ8_0);
}

TEST(QuantiseRules, RowsThatFitNoBlockFallBack) {
  struct Case {
    DType wanted, whole_32, other;
  };
  const Case cases[] = {
      {DType::kQ4_K, DType::kQ5_0, DType::kF16},     {DType::kQ5_K, DType::kQ5_1, DType::kF16},
      {DType::kQ6_K, DType::kQ8_0, DType::kF16},     {DType::kQ4_0, DType::kQ4_0, DType::kF16},
      {DType::kIQ4_NL, DType::kIQ4_NL, DType::kF16}, {DType::kMXFP4, DType::kMXFP4, DType::kF16},
  };
  for (const Case& c : cases) {
    const auto choose = [&](uint64_t columns, DType source) {
      return choose_type(tensor("blk.0.attn_q.weight", {64, columns}, source), context(c.wanted));
    };
    EXPECT_EQ(choose(96, DType::kF32).dtype, c.whole_32) << dtype_name(c.wanted);
    EXPECT_EQ(choose(90, DType::kF32).dtype, c.other);
    EXPECT_EQ(choose(90, DType::kBF16).dtype, DType::kBF16) << "its range is not F16's";
    EXPECT_NE(choose(90, DType::kF32).reason.find("90"), std::string::npos);
  }
  EXPECT_EQ(choose_type(tensor("blk.0.attn_q.weight", {64, 96}), context(DType::kQ4_K)).reason,
            "rows of 96 are no whole blocks of Q4_K (256)");
}

TEST(QuantiseRules, MXFP4IsForExpertsWhereThereAreAny) {
  const std::vector<TensorInfo> mixture = {
      tensor("token_embd.weight", {1000, 256}), tensor("output.weight", {1000, 256}),
      tensor("blk.0.attn_q.weight", {256, 256}), tensor("blk.0.ffn_up_exps.weight", {8, 512, 256})};
  const QuantiseContext with_experts = quantise_context(mixture, DType::kMXFP4);
  EXPECT_TRUE(with_experts.has_output);
  EXPECT_TRUE(with_experts.has_experts);
  EXPECT_EQ(choose_type(mixture[3], with_experts).dtype, DType::kMXFP4);
  EXPECT_EQ(choose_type(mixture[2], with_experts).dtype, DType::kQ8_0);
  const QuantiseContext dense = quantise_context(std::span(mixture).first(1), DType::kMXFP4);
  EXPECT_FALSE(dense.has_output);
  EXPECT_FALSE(dense.has_experts);
  EXPECT_EQ(choose_type(mixture[2], dense).dtype, DType::kMXFP4);
}

TEST(QuantiseRules, NamesEveryTypeItMakes) {
  int count = 0;
  for (int i = 0; i < kDTypeCount; ++i) count += gguf_file_type(DType(i)).has_value();
  EXPECT_EQ(count, 7);
  EXPECT_EQ(gguf_file_type(DType::kQ8_0), 7u);
  EXPECT_EQ(gguf_file_type(DType::kQ4_1), std::nullopt);
}

}  // namespace
}  // namespace llmos
