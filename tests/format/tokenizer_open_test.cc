// SPDX-License-Identifier: Apache-2.0
// Tokenizer::open(): which file of a model is read, and what is said when none can be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/gguf_writer.h"
#include "format/sentencepiece_bytes.h"
#include "llmos/tokenizer.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kJson = R"({"model":{"type":"WordLevel","vocab":{"x":0,"y":1},"unk_token":"x"}})";

std::string gguf() {
  GgufOutline keys;
  keys.set("tokenizer.ggml.model", "gpt2");
  keys.set_array("tokenizer.ggml.tokens", std::vector<std::string>{"x", "y", "z"});
  keys.set_array("tokenizer.ggml.merges", std::vector<std::string>{});
  return keys.header();
}

void expect_refused(const std::string& path, Code code, const std::string& says) {
  const Status status = Tokenizer::open(path).status();
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(says));
  EXPECT_THAT(status.message(), HasSubstr(path));
}

// Names lie: the first bytes count.
TEST(TokenizerOpen, ReadsFilesByTheirContent) {
  const test::TempDir dir;
  EXPECT_EQ(Tokenizer::open(dir.write("1.txt", kJson))->vocabulary_size(), 2u);
  EXPECT_EQ(Tokenizer::open(dir.write("2.txt", "\n  " + kJson))->vocabulary_size(), 2u);
  EXPECT_EQ(Tokenizer::open(dir.write("3.txt", gguf()))->vocabulary_size(), 3u);
  EXPECT_EQ(Tokenizer::open(dir.write("4.txt", test::bpe_model()))->vocabulary_size(), 8u);
}

TEST(TokenizerOpen, OfADirectoryTheJsonFirst) {
  const test::TempDir dir;
  expect_refused(dir.path(), Code::kNotFound, "expected tokenizer.json or tokenizer.model");
  dir.write("tokenizer.model", test::bpe_model());
  EXPECT_EQ(Tokenizer::open(dir.path())->vocabulary_size(), 8u);
  dir.write("tokenizer.json", kJson);
  EXPECT_EQ(Tokenizer::open(dir.path())->vocabulary_size(), 2u);
}

// A sentencepiece model does not say whether a text begins with BOS; the file beside it may.
TEST(TokenizerOpen, TheConfigBesideASentencepieceModel) {
  const test::TempDir dir;
  dir.write("tokenizer.model", test::bpe_model());
  EXPECT_THAT(Tokenizer::open(dir.path())->encode("a"), ElementsAre(1, 6));
  dir.write("tokenizer_config.json",
            R"({"add_bos_token":false,"add_eos_token":true,"chat_template":"Hi"})");
  const Tokenizer tokenizer = Tokenizer::open(dir.path()).value();
  EXPECT_THAT(tokenizer.encode("a"), ElementsAre(6, 2));
  EXPECT_EQ(tokenizer.render_chat({.messages = "[]"}).value(), "Hi");
  dir.write("tokenizer_config.json", R"({"add_bos_token":7})");
  expect_refused(dir.path(), Code::kInvalid, "add_bos_token");
}

TEST(TokenizerOpen, SaysWhyNot) {
  const test::TempDir dir;
  expect_refused(dir / "none", Code::kNotFound, "none");
  expect_refused(dir.write("empty", ""), Code::kCorrupt, "sentencepiece");
  expect_refused(dir.write("text", "Hello"), Code::kCorrupt, "sentencepiece");
  expect_refused(dir.write("list.json", "{}"), Code::kNotFound, "model");
  expect_refused(dir.write("no.gguf", GgufOutline().header()), Code::kNotFound,
                 "tokenizer.ggml.model");
  expect_refused(dir.write("cut.gguf", gguf().substr(0, 40)), Code::kCorrupt, "");
  // What the tokenizer itself refuses names the file too.
  expect_refused(
      dir.write("bad.model", test::bpe_model() + test::normalizer(test::bytes_field(2, "x"))),
      Code::kCorrupt, "charsmap");
}

TEST(TokenizerOpen, EveryBeginningOfAGgufFileIsRefused) {
  const test::TempDir dir;
  const std::string whole = gguf();
  size_t end = whole.size();
  while (whole[end - 1] == '\0') --end;  // padding may be missing
  for (size_t bytes = 4; bytes < end; ++bytes) {
    EXPECT_FALSE(Tokenizer::open(dir.write("cut.gguf", whole.substr(0, bytes))).ok()) << bytes;
  }
}

}  // namespace
}  // namespace llmos
