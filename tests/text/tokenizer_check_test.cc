// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "text/added_tokens.h"
#include "text/small_spec.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

TokenizerSpec sound() {
  return test::small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown}, {"a"}, {"b"}});
}

void expect_refused(const std::function<void(TokenizerSpec&)>& change, Code code,
                    const std::string& says) {
  TokenizerSpec spec = sound();
  change(spec);
  const Status status = check_tokenizer_spec(spec);
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(says));
}

TEST(TokenizerCheck, FillsWhatIsMissing) {
  TokenizerSpec spec = sound();
  spec.model = TokenizerModel::kBpe;
  spec.scores.clear();
  spec.types.clear();
  ASSERT_TRUE(check_tokenizer_spec(spec).ok());
  EXPECT_EQ(spec.scores.size(), 3u);
  EXPECT_EQ(spec.types, std::vector<TokenType>(3, TokenType::kNormal));
}

TEST(TokenizerCheck, Sizes) {
  expect_refused([](auto& spec) { spec = {}; }, Code::kCorrupt, "tokens, found none");
  expect_refused([](auto& spec) { spec.scores.clear(); }, Code::kCorrupt, "a score for each of 3");
  expect_refused([](auto& spec) { spec.scores.pop_back(); }, Code::kCorrupt, "found 2");
  expect_refused([](auto& spec) { spec.types.pop_back(); }, Code::kCorrupt, "a type for each");
  expect_refused([](auto& spec) { spec.scores[1] = NAN; }, Code::kCorrupt, "token 1: expected");
  expect_refused([](auto& spec) { spec.scores[2] = INFINITY; }, Code::kCorrupt, "finite");
}

TEST(TokenizerCheck, Ids) {
  for (const TokenId id : {-1, 3, INT32_MAX, INT32_MIN}) {
    const std::string found = "found " + std::to_string(id);
    const auto refused = [&](const std::function<void(TokenizerSpec&)>& change) {
      expect_refused(change, Code::kCorrupt, "expected an id from 0 to 2, " + found);
    };
    refused([&](auto& spec) { spec.bos = id; });
    refused([&](auto& spec) { spec.eos = id; });
    refused([&](auto& spec) { spec.unknown = id; });
    refused([&](auto& spec) { spec.padding = id; });
    refused([&](auto& spec) { spec.end_of_generation = {1, id}; });
    refused([&](auto& spec) { spec.prefix = {id}; });
    refused([&](auto& spec) { spec.suffix = {id}; });
    refused([&](auto& spec) { spec.added_tokens = {{id, "x"}}; });
    refused([&](auto& spec) { spec.merges = {{id, 1, 2}}; });
    refused([&](auto& spec) { spec.merges = {{1, id, 2}}; });
    refused([&](auto& spec) { spec.merges = {{1, 2, id}}; });
  }
}

TEST(TokenizerCheck, Bounds) {
  using Normal = NormalizerStep::Kind;
  const std::string long_text(kStepContentBytesMax + 1, 'x');
  expect_refused([](auto& spec) { spec.normalizer.resize(33, {Normal::kNfc}); }, Code::kExhausted,
                 "normalizer steps: expected at most 32, found 33");
  expect_refused(
      [](auto& spec) { spec.pretokenizer.resize(33, {PretokenizerStep::Kind::kDigits}); },
      Code::kExhausted, "pre-tokenizer steps");
  expect_refused([](auto& spec) { spec.decoder.resize(33, {DecoderStep::Kind::kFuse}); },
                 Code::kExhausted, "decoder steps");
  expect_refused([](auto& spec) { spec.prefix.assign(kSurroundingIdsMax + 1, 1); },
                 Code::kExhausted, "post-processor");
  expect_refused(
      [&](auto& spec) {
        spec.normalizer = {{Normal::kPrepend, "", long_text}};
      },
      Code::kExhausted, "1024");
  expect_refused(
      [&](auto& spec) {
        spec.decoder = {{DecoderStep::Kind::kReplace, "a", long_text}};
      },
      Code::kExhausted, "1024");
  expect_refused(
      [&](auto& spec) {
        spec.pretokenizer = {{PretokenizerStep::Kind::kMetaspace, long_text}};
      },
      Code::kExhausted, "1024");
  expect_refused(
      [&](auto& spec) {
        spec.added_tokens = {{1, long_text}};
      },
      Code::kUnsupported, "added token 1");
  TokenizerSpec spec = sound();
  spec.normalizer = {{Normal::kCharsmap, "", long_text}};
  spec.pretokenizer = {{PretokenizerStep::Kind::kSplitRegex, long_text}};
  spec.added_tokens = {{1, std::string(AddedTokens::kTokenBytesMax, 'x')}};
  EXPECT_TRUE(check_tokenizer_spec(spec).ok());
}

}  // namespace
}  // namespace llmos
