// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "format/checkpoint.h"
#include "format/gguf_writer.h"
#include "format/memory_source.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Texts = std::vector<std::string>;

const std::string kSpace = "\u2581";

GgufOutline llama() {
  GgufOutline keys;
  keys.set("tokenizer.ggml.model", "llama");
  keys.set_array("tokenizer.ggml.tokens",
                 Texts{"<unk>", "<s>", "</s>", "<0x41>", kSpace, "a", "b", kSpace + "a", "<tool>"});
  keys.set_array("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, 0, -1, -2, -3, -4, 0});
  keys.set_array("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 3, 6, 1, 1, 1, 1, 4});
  return keys;
}

GgufOutline gpt2() {
  GgufOutline keys;
  keys.set("tokenizer.ggml.model", "gpt2");
  keys.set("tokenizer.ggml.pre", "qwen2");
  keys.set_array("tokenizer.ggml.tokens",
                 Texts{"a", "b", "ab", "\u0120", "\u0120a", "<|im_end|>", "<|endoftext|>"});
  keys.set_array("tokenizer.ggml.merges", Texts{"a b", "\u0120 a"});
  return keys;
}

Result<TokenizerSpec> read(const GgufOutline& keys) {
  test::MemorySource source;
  source.add("m.gguf", keys.header());
  const Result<Checkpoint> checkpoint = Checkpoint::open("m.gguf", {.source = &source});
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  return read_gguf_tokenizer(checkpoint->metadata());
}

TEST(TokenizerGguf, Llama) {
  const TokenizerSpec spec = read(llama()).value();
  EXPECT_EQ(spec.model, TokenizerModel::kSpm);
  EXPECT_EQ(spec.bos, 1);
  EXPECT_EQ(spec.eos, 2);
  EXPECT_EQ(spec.unknown, 0);
  EXPECT_THAT(spec.prefix, ElementsAre(1));
  EXPECT_THAT(spec.suffix, IsEmpty());
  const Tokenizer tokenizer = make_tokenizer(spec).value();
  EXPECT_THAT(tokenizer.encode("a<tool>b</s>"), ElementsAre(1, 7, 8, 4, 6, 2));
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{1, 7, 3, 8}).value(), "aA<tool>");
}

TEST(TokenizerGguf, Gpt2) {
  const TokenizerSpec spec = read(gpt2()).value();
  EXPECT_EQ(spec.model, TokenizerModel::kBpe);
  EXPECT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.bos, std::nullopt);
  const Tokenizer tokenizer = make_tokenizer(spec).value();
  EXPECT_THAT(tokenizer.encode("ab a<|im_end|>"), ElementsAre(2, 4, 5));
  EXPECT_TRUE(tokenizer.is_end(5));
  EXPECT_TRUE(tokenizer.is_end(6));
  EXPECT_EQ(tokenizer.token_kind(5), TokenKind::kControl);  // whatever the file says
}

TEST(TokenizerGguf, T5) {
  GgufOutline keys = llama();
  keys.set("tokenizer.ggml.model", "t5");
  keys.set("tokenizer.ggml.eos_token_id", uint32_t{2});
  keys.set("tokenizer.ggml.unknown_token_id", uint32_t{0});
  keys.set("tokenizer.ggml.add_space_prefix", true);
  keys.set("tokenizer.ggml.remove_extra_whitespaces", true);
  const TokenizerSpec spec = read(keys).value();
  EXPECT_EQ(spec.model, TokenizerModel::kUnigram);
  EXPECT_EQ(spec.bos, std::nullopt);
  EXPECT_THAT(make_tokenizer(spec)->encode("  a  b "), ElementsAre(4, 5, 4, 6, 2));
}

TEST(TokenizerGguf, WhatTheFileSaysGoesBeforeTheModelsHabits) {
  GgufOutline keys = llama();
  keys.set("tokenizer.ggml.bos_token_id", uint32_t{2});
  keys.set("tokenizer.ggml.eos_token_id", uint32_t{1});
  keys.set("tokenizer.ggml.add_bos_token", false);
  keys.set("tokenizer.ggml.add_eos_token", true);
  keys.set("tokenizer.ggml.add_space_prefix", false);
  keys.set("tokenizer.ggml.eot_token_id", uint32_t{8});
  keys.set("tokenizer.ggml.padding_token_id", uint32_t{UINT32_MAX});  // how converters write "none"
  const TokenizerSpec spec = read(keys).value();
  EXPECT_EQ(spec.padding, std::nullopt);
  EXPECT_THAT(spec.end_of_generation, ElementsAre(1, 8));
  EXPECT_THAT(make_tokenizer(spec)->encode("a"), ElementsAre(5, 1));
}

TEST(TokenizerGguf, PretokenizersThatAddABos) {
  GgufOutline keys = gpt2();
  keys.set("tokenizer.ggml.bos_token_id", uint32_t{6});
  EXPECT_THAT(read(keys)->prefix, IsEmpty());
  keys.set("tokenizer.ggml.pre", "llama-bpe");
  EXPECT_THAT(read(keys)->prefix, ElementsAre(6));
  EXPECT_TRUE(read(keys)->ignore_merges);
}

TEST(TokenizerGguf, ChatTemplates) {
  GgufOutline keys = gpt2();
  keys.set("tokenizer.chat_template", "one");
  keys.set_array("tokenizer.chat_templates", Texts{"tool_use"});
  keys.set("tokenizer.chat_template.tool_use", "two");
  const TokenizerSpec spec = read(keys).value();
  ASSERT_EQ(spec.chat_templates.size(), 2u);
  EXPECT_EQ(spec.chat_templates[0].name, "default");
  EXPECT_EQ(spec.chat_templates[1].name, "tool_use");
  EXPECT_EQ(spec.chat_templates[1].text, "two");
}

TEST(TokenizerGguf, MergesOfWhatIsNoTokenAreLeftOut) {
  GgufOutline keys = gpt2();
  keys.set_array("tokenizer.ggml.merges", Texts{"x a", "a x", "b a", "nospace", "", " ", "a b"});
  EXPECT_EQ(read(keys)->merges.size(), 1u);
}

TEST(TokenizerGguf, Refuses) {
  const auto refused = [](GgufOutline keys, Code code, const std::string& says,
                          const std::function<void(GgufOutline&)>& change) {
    change(keys);
    const Status status = read(keys).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr(says));
  };
  const std::string prefix = "tokenizer.ggml.";
  for (const char* key : {"model", "tokens", "scores"}) {
    refused(llama(), Code::kNotFound, prefix + key, [&](auto& keys) { keys.remove(prefix + key); });
  }
  refused(gpt2(), Code::kNotFound, prefix + "merges",
          [&](auto& keys) { keys.remove(prefix + "merges"); });
  refused(llama(), Code::kUnsupported, "llama, gpt2, t5",
          [&](auto& keys) { keys.set(prefix + "model", "bert"); });
  refused(gpt2(), Code::kUnsupported, "pre",
          [&](auto& keys) { keys.set(prefix + "pre", "martian"); });
  refused(llama(), Code::kInvalid, "bos_token_id",
          [&](auto& keys) { keys.set(prefix + "bos_token_id", uint32_t{9}); });
  refused(llama(), Code::kInvalid, "token_type", [&](auto& keys) {
    keys.set_array(prefix + "token_type", std::vector<int32_t>{1, 2});
  });
  refused(llama(), Code::kInvalid, "token_type",
          [&](auto& keys) { keys.set_array(prefix + "token_type", std::vector<int32_t>(9, 7)); });
  refused(llama(), Code::kInvalid, "tokens", [&](auto& keys) { keys.set(prefix + "tokens", "a"); });
}

// What reading cannot see, making a tokenizer does.
TEST(TokenizerGguf, ContradictionsAreRefusedLater) {
  GgufOutline keys = llama();
  keys.set_array("tokenizer.ggml.scores", std::vector<float>{1, 2});
  EXPECT_EQ(make_tokenizer(read(keys).value()).status().code(), Code::kCorrupt);
  keys = llama();
  keys.set_array("tokenizer.ggml.tokens", Texts{});
  keys.set_array("tokenizer.ggml.scores", std::vector<float>{});
  keys.set_array("tokenizer.ggml.token_type", std::vector<int32_t>{});
  EXPECT_EQ(make_tokenizer(read(keys).value()).status().code(), Code::kCorrupt);
}

TEST(TokenizerGguf, EqualTokensAreNoHarm) {
  GgufOutline keys = llama();
  keys.set_array("tokenizer.ggml.tokens", Texts(9, "a"));
  const Tokenizer tokenizer = make_tokenizer(read(keys).value()).value();
  EXPECT_FALSE(tokenizer.encode("aaa").empty());
}

}  // namespace
}  // namespace llmos
