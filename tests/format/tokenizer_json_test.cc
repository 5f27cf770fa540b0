// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kVocab = R"("vocab":{"a":0,"b":1,"ab":2,"Ġ":3,"Ġa":4})";
const std::string kMerges = R"("merges":["a b","Ġ a"])";

// A file with this model and these further members.
std::string file(const std::string& model, const std::string& more = "") {
  return R"({"model":{)" + model + "}" + (more.empty() ? "" : "," + more) + "}";
}
std::string bpe(const std::string& more = "") {
  return file(R"("type":"BPE",)" + kVocab + "," + kMerges, more);
}

Result<TokenizerSpec> read(const std::string& text) {
  return read_tokenizer_json(parse_json(text).value());
}

void expect_refused(const std::string& text, Code code, const std::string& says) {
  const Status status = read(text).status();
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(says));
}

TEST(TokenizerJson, Bpe) {
  const TokenizerSpec spec =
      read(file(R"("type":"BPE","unk_token":"b","fuse_unk":true,"byte_fallback":true,)"
                R"("ignore_merges":true,)" +
                kVocab + "," + kMerges))
          .value();
  EXPECT_EQ(spec.model, TokenizerModel::kBpe);
  EXPECT_EQ(spec.tokens[2], "ab");
  EXPECT_EQ(spec.merges.size(), 2u);
  EXPECT_EQ(spec.merges[1].merged, 4);
  EXPECT_EQ(spec.unknown, 1);
  EXPECT_TRUE(spec.fuse_unknown);
  EXPECT_TRUE(spec.byte_fallback);
  EXPECT_TRUE(spec.ignore_merges);
}

TEST(TokenizerJson, MergesInEveryForm) {
  const auto merges = [](const std::string& list) {
    return read(
        file(R"("type":"BPE","vocab":{" ":0,"  ":1,"a":2,"a ":3,"aa":4},"merges":)" + list));
  };
  EXPECT_EQ(merges(R"([["a","a"],["a"," "]])")->merges[1].merged, 3);
  EXPECT_EQ(merges(R"(["a a"])")->merges[0].merged, 4);
  // Tokens that hold spaces, written as text.
  EXPECT_EQ(merges(R"(["   "])")->merges[0].merged, 1);
  EXPECT_EQ(merges(R"(["a  "])")->merges[0].right, 0);
  for (const char* wrong : {R"(["a"])", R"(["a b"])", R"([""])", R"([["a"]])", R"([7])",
                            R"([["a",1]])", R"([["a","a","a"]])", R"([["  ","  "]])"}) {
    EXPECT_EQ(merges(wrong).status().code(), Code::kInvalid) << wrong;
  }
}

// Files of 2020 do not name the model's type.
TEST(TokenizerJson, ModelsWithoutAType) {
  EXPECT_EQ(read(file(kVocab + "," + kMerges))->model, TokenizerModel::kBpe);
  EXPECT_EQ(read(file(R"("vocab":[["a",-1]])"))->model, TokenizerModel::kUnigram);
}

TEST(TokenizerJson, Unigram) {
  const TokenizerSpec spec =
      read(file(R"("type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1.5],["<0x41>",-2]],)"
                R"("byte_fallback":true)"))
          .value();
  EXPECT_EQ(spec.model, TokenizerModel::kUnigram);
  EXPECT_EQ(spec.scores[1], -1.5);
  EXPECT_EQ(spec.types[2], TokenType::kByte);
  EXPECT_EQ(spec.unknown, 0);
  for (const char* wrong : {R"([["a"]])", R"([["a","b"]])", R"([[1,2]])", R"(["a"])"}) {
    expect_refused(file(R"("type":"Unigram","vocab":)" + std::string(wrong)), Code::kInvalid,
                   "model.vocab");
  }
  expect_refused(file(R"("type":"Unigram","unk_id":1,"vocab":[["a",0]])"), Code::kInvalid,
                 "unk_id");
}

TEST(TokenizerJson, WordLevel) {
  const TokenizerSpec spec =
      read(file(R"("type":"WordLevel","unk_token":"?","vocab":{"?":1,"a":0})")).value();
  EXPECT_EQ(spec.model, TokenizerModel::kWordLevel);
  EXPECT_EQ(spec.unknown, 1);
}

TEST(TokenizerJson, AddedTokens) {
  const TokenizerSpec spec =
      read(bpe(R"("added_tokens":[{"id":7,"content":"<x>","special":true,"lstrip":true},)"
               R"({"id":8,"content":"word","rstrip":true,"single_word":true},)"
               R"({"id":99,"content":"ab","normalized":false},{"id":9,"content":""}])"))
          .value();
  ASSERT_EQ(spec.added_tokens.size(), 3u);
  EXPECT_EQ(spec.types[7], TokenType::kControl);
  EXPECT_FALSE(spec.added_tokens[0].normalized);  // special ones are not, unless they say so
  EXPECT_TRUE(spec.added_tokens[0].lstrip);
  EXPECT_TRUE(spec.added_tokens[1].normalized);
  EXPECT_TRUE(spec.added_tokens[1].single_word);
  EXPECT_EQ(spec.types[8], TokenType::kUserDefined);
  EXPECT_EQ(spec.added_tokens[2].id, 2);  // what the vocabulary has keeps its id
  EXPECT_EQ(spec.types[5], TokenType::kUnused);
  EXPECT_EQ(spec.tokens[5], "");
}

TEST(TokenizerJson, RefusesOtherModels) {
  expect_refused("{}", Code::kNotFound, "model");
  expect_refused("7", Code::kInvalid, "tokenizer");
  expect_refused(file(R"("type":"WordPiece","vocab":{})"), Code::kUnsupported, "WordPiece");
  expect_refused(file(R"("type":"BPE","continuing_subword_prefix":"##",)" + kVocab + "," + kMerges),
                 Code::kUnsupported, "continuing_subword_prefix");
  expect_refused(file(R"("type":"BPE","dropout":0.1,)" + kVocab + "," + kMerges),
                 Code::kUnsupported, "dropout");
  expect_refused(file(R"("type":"BPE")"), Code::kNotFound, "vocab");
}

TEST(TokenizerJson, RefusesIdsThatCannotBe) {
  const auto vocab = [](const std::string& members) {
    return file(R"("type":"BPE","merges":[],"vocab":{)" + members + "}");
  };
  expect_refused(vocab(R"("a":-1)"), Code::kInvalid, "ids from 0");
  expect_refused(vocab(R"("a":"x")"), Code::kInvalid, "ids from 0");
  expect_refused(vocab(R"("a":1.5)"), Code::kInvalid, "ids from 0");
  expect_refused(vocab(R"("a":0,"b":0)"), Code::kInvalid, "one text for id 0");
  // A short file cannot ask for the memory of a long one.
  expect_refused(vocab(R"("a":16777215)"), Code::kInvalid, "ids from 0 to 65536");
  expect_refused(vocab(R"("a":9223372036854775807)"), Code::kInvalid, "ids from 0");
  expect_refused(bpe(R"("added_tokens":[{"id":16777215,"content":"x"}])"), Code::kInvalid,
                 "ids from 0");
  expect_refused(bpe(R"("added_tokens":[{"id":-1,"content":"x"}])"), Code::kInvalid, "ids from 0");
  expect_refused(bpe(R"("added_tokens":[{"id":0,"content":"x"}])"), Code::kInvalid, "one text");
  expect_refused(bpe(R"("added_tokens":[{"content":"x"}])"), Code::kNotFound, "added_tokens[0].id");
  expect_refused(bpe(R"("added_tokens":{})"), Code::kInvalid, "added_tokens");
}

TEST(TokenizerJson, Truncated) {
  const test::TempDir dir;
  const std::string whole = bpe(R"("added_tokens":[{"id":5,"content":"<s>"}])");
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const std::string path = dir.write("tokenizer.json", whole.substr(0, bytes));
    EXPECT_FALSE(read_tokenizer_json_file(path).ok()) << bytes;
  }
}

TEST(TokenizerJson, DeepNestingIsRefused) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_FALSE(parse_json(bpe(R"("normalizer":)" + deep)).ok());
}

// Whatever one byte is: a tokenizer, or a refusal with a reason.
TEST(TokenizerJson, RandomDamage) {
  Rng rng(test::seed("damaged tokenizer.json"));
  const std::string whole =
      bpe(R"("added_tokens":[{"id":5,"content":"<s>","special":true}],"normalizer":{"type":"NFC"},)"
          R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
          R"("decoder":{"type":"ByteLevel"})");
  for (int round = 0; round < 5000; ++round) {
    std::string text = whole;
    text[rng.below(text.size())] = char(0x20 + rng.below(0x60));
    const Result<Json> json = parse_json(text);
    if (!json.ok()) continue;
    const Result<TokenizerSpec> spec = read_tokenizer_json(*json);
    EXPECT_TRUE(spec.ok() || !spec.status().message().empty());
    if (!spec.ok()) continue;
    const Result<Tokenizer> tokenizer = make_tokenizer(*spec);
    if (tokenizer.ok()) (void)tokenizer->decode(tokenizer->encode("ab a<s>")).value();
  }
}

}  // namespace
}  // namespace llmos
