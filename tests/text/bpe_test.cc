// SPDX-License-Identifier: Apache-2.0
#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "text/byte_level.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Ids = std::vector<TokenId>;

// All bytes, then what the pairs merge into, in order of rank.
struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<TokenMerge> merges;

  static Vocabulary of_bytes() {
    Vocabulary vocabulary;
    for (int byte = 0; byte < 256; ++byte) {
      vocabulary.tokens.push_back(to_byte_level(std::string(1, static_cast<char>(byte))));
    }
    return vocabulary;
  }
  TokenId add(TokenId left, TokenId right) {
    const auto merged = TokenId(tokens.size());
    tokens.push_back(tokens[size_t(left)] + tokens[size_t(right)]);
    merges.push_back({left, right, merged});
    return merged;
  }
  Bpe bpe(const BpeOptions& options = {}) const {
    Result<Bpe> made = Bpe::create(tokens, merges, options);
    EXPECT_TRUE(made.ok()) << made.status().to_string();
    return *std::move(made);
  }
};

Ids encoded(const Bpe& bpe, std::string_view piece) {
  Ids ids;
  bpe.encode(piece, &ids);
  return ids;
}

TEST(Bpe, MergesTheLowestRankFirst) {
  Vocabulary vocabulary = Vocabulary::of_bytes();
  const TokenId bc = vocabulary.add('b', 'c');
  const TokenId ab = vocabulary.add('a', 'b');
  const TokenId abc = vocabulary.add(ab, 'c');
  const Bpe bpe = vocabulary.bpe();
  EXPECT_THAT(encoded(bpe, "ab"), ElementsAre(ab));
  EXPECT_THAT(encoded(bpe, "abc"), ElementsAre('a', bc)) << "twice: the answer is kept";
  EXPECT_THAT(encoded(bpe, "abc"), ElementsAre('a', bc));
  EXPECT_THAT(encoded(bpe, " \xFF"), ElementsAre(' ', 0xFF));
  EXPECT_THAT(encoded(bpe, ""), IsEmpty());
  EXPECT_THAT(encoded(vocabulary.bpe({.ignore_merges = true}), "abc"), ElementsAre(abc));
}

TEST(Bpe, EqualPairsMergeFromTheLeft) {
  Vocabulary vocabulary = Vocabulary::of_bytes();
  const TokenId aa = vocabulary.add('a', 'a');
  EXPECT_THAT(encoded(vocabulary.bpe(), "aaa"), ElementsAre(aa, 'a'));
  Ids expected(50, aa);
  expected.push_back('a');
  EXPECT_EQ(encoded(vocabulary.bpe(), std::string(101, 'a')), expected);
}

TEST(Bpe, CharactersWithoutATokenAreBytesOrUnknown) {
  const std::vector<std::string> tokens = {"<unk>", "a", "<0xC3>", "<0xA9>", "é"};
  const auto of = [&](const BpeOptions& options, std::string_view piece) {
    return encoded(*Bpe::create(std::span(tokens).first(4), {}, options), piece);
  };
  EXPECT_THAT(of({.byte_level = false}, "aéa"), ElementsAre(1, 1));
  EXPECT_THAT(of({.byte_level = false, .unknown = 0}, "aééa"), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(of({.byte_level = false, .fuse_unknown = true, .unknown = 0}, "aééa"),
              ElementsAre(1, 0, 1));
  EXPECT_THAT(of({.byte_level = false, .byte_fallback = true, .unknown = 0}, "aéü"),
              ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(of({.byte_level = false, .byte_fallback = true, .unknown = 0}, "\xC3"),
              ElementsAre(2));
  EXPECT_THAT(encoded(*Bpe::create(tokens, {}, {.byte_level = false}), "é"), ElementsAre(4));
}

TEST(Bpe, RefusesIdsThatNoTokenHas) {
  const std::vector<std::string> tokens = {"a", "b"};
  const TokenMerge merge{0, 1, 2};
  const Result<Bpe> bpe = Bpe::create(tokens, {&merge, 1}, {});
  EXPECT_EQ(bpe.status().code(), Code::kInvalid);
  EXPECT_THAT(bpe.status().message(), HasSubstr("merge 0 has 0 + 1 -> 2"));
  EXPECT_EQ(Bpe::create(tokens, {}, {.unknown = 2}).status().code(), Code::kInvalid);
  EXPECT_EQ(Bpe::create(tokens, {}, {.unknown = -1}).status().code(), Code::kInvalid);
  EXPECT_TRUE(Bpe::create({}, {}, {}).ok());
}

// A megabyte of anything in one piece: the issue asks for less than a second in a release build.
TEST(Bpe, AMegabyteInOnePieceIsNotQuadratic) {
  Vocabulary vocabulary = Vocabulary::of_bytes();
  TokenId spaces = ' ', as = 'a';
  for (int doubling = 0; doubling < 6; ++doubling) {
    spaces = vocabulary.add(spaces, spaces);
    as = vocabulary.add(as, as);
  }
  vocabulary.add(vocabulary.add('a', 'b'), 'a');
  const Bpe bpe = vocabulary.bpe();
  std::string mixed;
  while (mixed.size() < 1'000'000) mixed += "abaab";
  for (const std::string& text :
       {std::string(1'000'000, ' '), std::string(1'000'000, 'a'), mixed}) {
    const auto begin = std::chrono::steady_clock::now();
    const Ids ids = encoded(bpe, text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(seconds.count(), 30.0);  // generous: sanitizers; quadratic time would be hours
    EXPECT_LT(ids.size(), text.size());
  }
}

TEST(Bpe, ThreadsShareIt) {
  Vocabulary vocabulary = Vocabulary::of_bytes();
  for (TokenId left = 'a'; left <= 'z'; ++left) {
    for (TokenId right = 'a'; right <= 'z'; ++right) vocabulary.add(left, right);
  }
  const Bpe bpe = vocabulary.bpe();
  const auto encode_all = [&] {
    Ids ids;
    for (int round = 0; round < 20; ++round) {
      for (const std::string& token : vocabulary.tokens) bpe.encode(token, &ids);
    }
    return ids;
  };
  const Ids expected = encode_all();
  std::vector<Ids> found(4);
  std::vector<std::thread> threads;
  for (Ids& ids : found) threads.emplace_back([&] { ids = encode_all(); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : found) EXPECT_EQ(ids, expected);
}

}  // namespace
}  // namespace llmos
