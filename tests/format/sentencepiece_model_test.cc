// SPDX-License-Identifier: Apache-2.0
#include "format/sentencepiece_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/rng.h"
#include "format/sentencepiece_bytes.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using test::bytes_field;
using test::piece;
using test::pieces;
using test::trainer;
using test::varint_field;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TokenizerSpec read(std::string_view bytes) { return read_sentencepiece_model(bytes).value(); }

void expect_refused(std::string_view bytes, Code code, const std::string& says) {
  const Status status = read_sentencepiece_model(bytes).status();
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(says));
}

TEST(SentencepieceModel, ReadsPieces) {
  const TokenizerSpec spec = read(test::bpe_model());
  EXPECT_EQ(spec.model, TokenizerModel::kSpm);
  EXPECT_EQ(spec.tokens.size(), 8u);
  EXPECT_EQ(spec.tokens[4], "a");
  EXPECT_EQ(spec.scores[4], -2);
  EXPECT_EQ(spec.types[1], TokenType::kControl);
  EXPECT_EQ(spec.unknown, 0);
  EXPECT_EQ(spec.bos, 1);
  EXPECT_EQ(spec.eos, 2);
  EXPECT_EQ(spec.padding, std::nullopt);
  EXPECT_THAT(spec.prefix, ElementsAre(1));
  EXPECT_THAT(spec.end_of_generation, ElementsAre(2));
  EXPECT_FALSE(spec.byte_fallback);
}

// A model without a trainer's word is unigram, as in sentencepiece.
TEST(SentencepieceModel, Defaults) {
  const TokenizerSpec spec = read(pieces());
  EXPECT_EQ(spec.model, TokenizerModel::kUnigram);
  ASSERT_EQ(spec.normalizer.size(), 1u);
  EXPECT_TRUE(spec.normalizer[0].add_dummy_prefix);
  EXPECT_TRUE(spec.normalizer[0].remove_extra_whitespaces);
  EXPECT_TRUE(spec.normalizer[0].escape_whitespaces);
  EXPECT_FALSE(spec.normalizer[0].whitespace_as_suffix);
}

TEST(SentencepieceModel, ReadsTheTrainerAndTheNormalizer) {
  const TokenizerSpec spec =
      read(pieces() + piece("<pad>", 0, 3) +
           trainer(varint_field(3, 1) + varint_field(24, 1) + varint_field(41, uint64_t(-1)) +
                   varint_field(42, 1) + varint_field(43, 8) + bytes_field(44, "?")) +
           test::normalizer(varint_field(3, 0) + varint_field(4, 0) + varint_field(5, 0)));
  EXPECT_EQ(spec.bos, std::nullopt);
  EXPECT_EQ(spec.eos, 1);
  EXPECT_EQ(spec.padding, 8);
  EXPECT_EQ(spec.unknown_text, "?");
  EXPECT_TRUE(spec.prefix.empty());
  EXPECT_TRUE(spec.normalizer[0].whitespace_as_suffix);
  EXPECT_FALSE(spec.normalizer[0].add_dummy_prefix);
  EXPECT_FALSE(spec.normalizer[0].remove_extra_whitespaces);
  EXPECT_FALSE(spec.normalizer[0].escape_whitespaces);
}

// Ids that name no control piece name nothing.
TEST(SentencepieceModel, SpecialIdsMustBeControl) {
  const TokenizerSpec spec =
      read(pieces() + trainer(varint_field(41, 4) + varint_field(42, 1000) + varint_field(43, 0)));
  EXPECT_EQ(spec.bos, std::nullopt);
  EXPECT_EQ(spec.eos, std::nullopt);
  EXPECT_EQ(spec.padding, std::nullopt);
}

TEST(SentencepieceModel, EndsOfTurnsByName) {
  const TokenizerSpec spec = read(test::bpe_model() + piece("<|im_end|>", 0, 3));
  EXPECT_THAT(spec.end_of_generation, ElementsAre(2, 8));
}

TEST(SentencepieceModel, RefusesWhatItCannotBe) {
  expect_refused("", Code::kCorrupt, "expected an unknown piece");
  expect_refused("Hello", Code::kCorrupt, "byte ");
  expect_refused(piece("a", 0), Code::kCorrupt, "expected an unknown piece");
  expect_refused(test::bpe_model() + piece("", 0), Code::kCorrupt, "a text for every piece");
  expect_refused(test::bpe_model() + piece("x", 0, 7), Code::kCorrupt, "from 1 to 6, found 7");
  expect_refused(test::bpe_model() + piece("x", 0, -1), Code::kCorrupt, "found -1");
  expect_refused(pieces() + trainer(varint_field(3, 3)), Code::kUnsupported, "found 3");
  expect_refused(pieces() + trainer(varint_field(35, 1)), Code::kCorrupt, "256 byte pieces");
  expect_refused(test::bpe_model() + bytes_field(1,
                                                 "\x0A\x05"
                                                 "ab"),
                 Code::kCorrupt, "piece");
  expect_refused(test::bpe_model() + bytes_field(3, "\xFF"), Code::kCorrupt, "normalizer_spec");
}

TEST(SentencepieceModel, RefusesScoresThatAreNoNumbers) {
  const Result<TokenizerSpec> spec = read_sentencepiece_model(
      test::bpe_model() + piece("x", std::numeric_limits<float>::infinity()));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(make_tokenizer(*spec).status().code(), Code::kCorrupt);
}

TEST(SentencepieceModel, RefusesABrokenCharsmap) {
  const TokenizerSpec spec = read(test::bpe_model() + test::normalizer(bytes_field(2, "xyz")));
  EXPECT_EQ(make_tokenizer(spec).status().code(), Code::kCorrupt);
}

// Every beginning of a file is a model with fewer pieces, or refused; never more.
TEST(SentencepieceModel, Truncated) {
  const std::string model = test::bpe_model();
  for (size_t bytes = 0; bytes < model.size(); ++bytes) {
    const Result<TokenizerSpec> spec = read_sentencepiece_model(model.substr(0, bytes));
    if (spec.ok()) {
      EXPECT_TRUE(make_tokenizer(*spec).ok()) << bytes;
    }
  }
}

TEST(SentencepieceModel, RandomDamage) {
  Rng rng(test::seed("damaged sentencepiece models"));
  const std::string model = test::bpe_model() + test::normalizer(varint_field(3, 1));
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = model;
    for (uint64_t i = 1 + rng.below(3); i > 0; --i)
      bytes[rng.below(bytes.size())] = char(rng.below(256));
    const Result<TokenizerSpec> spec = read_sentencepiece_model(bytes);
    if (!spec.ok()) continue;
    const Result<Tokenizer> tokenizer = make_tokenizer(*spec);
    if (tokenizer.ok()) (void)tokenizer->decode(tokenizer->encode("ab a\xFF")).value();
  }
}

TEST(SentencepieceModel, SaysWhichFile) {
  const test::TempDir dir;
  const std::string path = dir.write("tokenizer.model", "Hello");
  EXPECT_THAT(read_sentencepiece_file(path).status().message(), HasSubstr(path));
  EXPECT_EQ(read_sentencepiece_file(dir / "none").status().code(), Code::kNotFound);
  EXPECT_TRUE(read_sentencepiece_file(dir.write("good", test::bpe_model())).ok());
}

}  // namespace
}  // namespace llmos
