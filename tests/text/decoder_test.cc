// SPDX-License-Identifier: Apache-2.0
#include "text/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/small_spec.h"

namespace llmos {
namespace {

using Kind = DecoderStep::Kind;
using ::testing::HasSubstr;

const std::string kSpace = "\u2581";

TokenizerSpec spec_of(const std::vector<std::string>& tokens, std::vector<DecoderStep> steps) {
  std::vector<test::SmallToken> small;
  for (const std::string& token : tokens) small.push_back({token});
  TokenizerSpec spec = test::small_spec(TokenizerModel::kBpe, small);
  spec.decoder = std::move(steps);
  return spec;
}

std::string decode(const TokenizerSpec& spec, const std::vector<TokenId>& ids) {
  const Decoder decoder = Decoder::create(spec).value();
  Decoder::Place place;
  std::string bytes;
  for (const TokenId id : ids) decoder.append(id, spec.tokens[size_t(id)], place, bytes);
  return bytes;
}

TEST(Decoder, ByteLevel) {
  const TokenizerSpec spec =
      spec_of({"\u0120a", "\u00E4\u00B8", "\u0143", "\u4E2D"}, {{Kind::kByteLevel}});
  EXPECT_EQ(decode(spec, {0, 1, 2}), " a\u4E2D");
  EXPECT_EQ(decode(spec, {3}), "\u4E2D");  // is not written in bytes: stands for itself
}

TEST(Decoder, LlamaSteps) {
  const TokenizerSpec spec = spec_of({kSpace + "a", kSpace, "<0xE4>", "<0xB8>", "<0xAD>", "b"},
                                     {{Kind::kReplace, kSpace, " "},
                                      {Kind::kByteFallback},
                                      {Kind::kFuse},
                                      {Kind::kStrip, "", " ", 1}});
  EXPECT_EQ(decode(spec, {0, 5, 0, 2, 3, 4}), "ab a\u4E2D");
  EXPECT_EQ(decode(spec, {1, 1, 5}), " b");  // one space goes, at the beginning of the text
  EXPECT_EQ(decode(spec, {}), "");
}

TEST(Decoder, SeveralTokensMayBeStrippedAtTheBeginning) {
  const TokenizerSpec spec =
      spec_of({kSpace, kSpace + "a"},
              {{Kind::kReplace, kSpace, " "}, {Kind::kFuse}, {Kind::kStrip, "", " ", 3}});
  EXPECT_EQ(decode(spec, {0, 0, 1, 1}), "a a");
  EXPECT_EQ(decode(spec, {0, 0, 0, 0, 1}), "  a");
}

TEST(Decoder, StripsEveryTokenBeforeFuse) {
  const TokenizerSpec spec = spec_of({"__a__", "_"}, {{Kind::kStrip, "", "_", 1, 2}});
  EXPECT_EQ(decode(spec, {0, 0, 1}), "_a_a");
}

TEST(Decoder, MetaspaceDropsTheFirstSpace) {
  TokenizerSpec spec = spec_of({kSpace + "a" + kSpace + "b"}, {{Kind::kMetaspace, kSpace}});
  EXPECT_EQ(decode(spec, {0, 0}), "ab a b");  // HF drops every one in the first token
  spec.decoder[0].drop_first = false;
  EXPECT_EQ(decode(spec, {0, 0}), " a b a b");
}

TEST(Decoder, SpacesBetweenTokens) {
  EXPECT_EQ(decode(spec_of({"a", "b"}, {{Kind::kSpaces}}), {0, 1, 0}), "a b a");
}

TEST(Decoder, WhatSkipSpecialLeavesOut) {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown},
                                                               {"<s>", 0, TokenType::kControl},
                                                               {"a"},
                                                               {"<x>", 0, TokenType::kUserDefined},
                                                               {"<y>"}});
  spec.added_tokens = {{4, "<y>", true}};
  const auto special = [&] {
    const Decoder decoder = Decoder::create(spec).value();
    std::string text;
    for (TokenId id = 0; id < 5; ++id) text += decoder.is_special(id) ? 'x' : '.';
    return text;
  };
  EXPECT_EQ(special(), "xx..x");
  spec.unknown_text = " ? ";
  EXPECT_EQ(special(), ".x..x");
  EXPECT_EQ(decode(spec, {2, 0, 2}), "a ? a");
}

TEST(Decoder, AddedTokensAsTheyStand) {
  TokenizerSpec spec = spec_of({"\u0120a", "<\u0120>"}, {{Kind::kByteLevel}});
  spec.types[1] = TokenType::kUserDefined;
  EXPECT_EQ(decode(spec, {0, 1}), " a< >");
  spec.decode_added_raw = true;
  EXPECT_EQ(decode(spec, {0, 1}), " a<\u0120>");
}

TEST(Decoder, RefusesWhatCannotStream) {
  const auto status = [](std::vector<DecoderStep> steps) {
    return Decoder::create(spec_of({"a"}, std::move(steps))).status();
  };
  EXPECT_EQ(status({{Kind::kFuse}, {Kind::kByteLevel}}).code(), Code::kUnsupported);
  EXPECT_EQ(status({{Kind::kFuse}, {Kind::kStrip, "", " ", 0, 1}}).code(), Code::kUnsupported);
  EXPECT_THAT(status({{Kind::kFuse}, {Kind::kReplace, "a", "b"}}).message(), HasSubstr("Fuse"));
}

TEST(Decoder, TokensCannotGrowWithoutBounds) {
  const std::vector<DecoderStep> doubling(30, {Kind::kReplace, "a", "aa"});
  EXPECT_EQ(Decoder::create(spec_of({"a", "a"}, doubling)).status().code(), Code::kExhausted);
}

}  // namespace
}  // namespace llmos
