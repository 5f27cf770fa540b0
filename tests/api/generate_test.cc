// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/golden_model.h"

namespace llmos {
namespace {

using test::golden_model;
using test::kGreedy;
using test::kPrompt;

const GenerateOptions kEight{.sampling = {.temperature = 0}, .tokens_max = 8};

TEST(Generate, ContinuesAsTheReference) {
  Model model = golden_model();
  const Generation generation = model.generate(kPrompt, kEight).value();
  EXPECT_EQ(generation.tokens, kGreedy);
  EXPECT_EQ(generation.finish, Finish::kLength);
  EXPECT_EQ(generation.text.size(), kGreedy.size());  // every token of this model is one letter
}

TEST(Generate, IsTheSameWhateverTheBatchAndTheThreads) {
  for (const uint32_t batch : {1u, 2u, 3u, 100u}) {
    Model model = golden_model({.threads = batch, .batch_tokens = batch});
    EXPECT_EQ(model.generate(kPrompt, kEight)->tokens, kGreedy) << batch;
  }
}

TEST(Generate, StreamsWhatItReturns) {
  Model model = golden_model();
  std::string text;
  std::vector<TokenId> ids;
  const auto on_token = [&](TokenId id, std::string_view piece) {
    ids.push_back(id);
    text += piece;
    return true;
  };
  const Generation generation = model.generate(kPrompt, kEight, on_token).value();
  EXPECT_EQ(ids, generation.tokens);
  EXPECT_EQ(text, generation.text);
}

TEST(Generate, EndsWhenTheCallerSaysSo) {
  Model model = golden_model();
  const Generation generation =
      model.generate(kPrompt, kEight, [](TokenId id, std::string_view) { return id != 48; })
          .value();
  EXPECT_EQ(generation.finish, Finish::kCancelled);
  EXPECT_EQ(generation.tokens, (std::vector<TokenId>{31, 15, 48}));
}

TEST(Generate, LeavesTheStopStringOut) {
  Model model = golden_model();
  const std::string all = model.generate(kPrompt, kEight)->text;
  GenerateOptions options = kEight;
  options.stop = {"never", all.substr(2, 3)};
  const Generation generation = model.generate(kPrompt, options).value();
  EXPECT_EQ(generation.finish, Finish::kStop);
  EXPECT_EQ(generation.text, all.substr(0, 2));
  EXPECT_EQ(generation.tokens.size(), 5u);
}

TEST(Generate, ShowsWhatAnUnfinishedStopStringHeldBack) {
  Model model = golden_model();
  const std::string all = model.generate(kPrompt, kEight)->text;
  GenerateOptions options = kEight;
  options.stop = {all.substr(6) + "never"};
  const Generation generation = model.generate(kPrompt, options).value();
  EXPECT_EQ(generation.text, all);
  EXPECT_EQ(generation.finish, Finish::kLength);
}

TEST(Generate, EndsWithTheContext) {
  Model model = golden_model({.threads = 1, .context = 8});
  const Generation generation = model.generate(kPrompt, kEight).value();
  EXPECT_EQ(generation.finish, Finish::kLength);
  EXPECT_EQ(generation.tokens.size(), 4u);  // the last is drawn from a full context
}

TEST(Generate, RefusesBadPrompts) {
  Model model = golden_model({.threads = 1, .context = 8});
  const auto code = [&](std::vector<TokenId> prompt) {
    return model.generate(prompt, kEight).status().code();
  };
  EXPECT_EQ(code({}), Code::kInvalid);
  EXPECT_EQ(code({1, -1}), Code::kInvalid);
  EXPECT_EQ(code({1, 128}), Code::kInvalid);
  EXPECT_EQ(code(std::vector<TokenId>(9, 1)), Code::kInvalid);
  EXPECT_EQ(model.generate(kPrompt, {.sampling = {.temperature = -1}}).status().code(),
            Code::kInvalid);
  EXPECT_TRUE(model.generate(kPrompt, kEight).ok()) << "a refused call leaves the model usable";
}

TEST(Generate, MayGenerateNothing) {
  Model model = golden_model();
  EXPECT_TRUE(model.generate(kPrompt, {.tokens_max = 0})->tokens.empty());
}

}  // namespace
}  // namespace llmos
