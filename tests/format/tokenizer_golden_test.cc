// SPDX-License-Identifier: Apache-2.0
// Ids and decoded texts against those of sentencepiece and HF tokenizers: on the texts of
// make_tokenizers.py with the small vocabularies of tests/golden/tokenizers, and on the vectors
// beside the project with real vocabularies.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/os_file.h"
#include "format/shared_data.h"
#include "llmos/tokenizer.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

const std::string kTokenizers = LLMOS_SOURCE_DIR "/tests/golden/tokenizers/";
constexpr size_t kFileBytesMax = 16 << 20;

std::string read(const fs::path& path) {
  return os::read_file(path.string(), kFileBytesMax).value();
}

// FNV-1a folded to 32 bits, as the script does.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) hash_ = (hash_ ^ uint8_t(byte)) * 0x100000001B3;
  }
  void add(TokenId id) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash_ = (hash_ ^ (uint32_t(id) >> shift & 0xFF)) * 0x100000001B3;
    }
  }
  std::string text() const {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", uint32_t(hash_ ^ hash_ >> 32));
    return digits;
  }

 private:
  uint64_t hash_ = 0xCBF29CE484222325;
};

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(tokenizer);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::vector<std::string> golden_texts() {
  std::vector<std::string> texts;
  const Json json = parse_json(read(kTokenizers + "texts.json")).value();
  for (const Json& text : json.items()) texts.push_back(*text.if_string());
  return texts;
}

// sentencepiece adds nothing to a text and knows no control tokens in it.
constexpr EncodeOptions kAsSentencepiece{.add_special = false, .parse_special = false};

void expect_golden(const fs::path& vocabulary, const std::string& name,
                   const EncodeOptions& options) {
  constexpr size_t kTextsInLine = 10;
  const Result<Tokenizer> tokenizer = Tokenizer::open(vocabulary.string());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  const std::vector<std::string> texts = golden_texts();
  ASSERT_EQ(texts.size(), 2000u);
  std::istringstream golden(read(kTokenizers + name + ".golden"));
  std::string expected;
  Hash decoded;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<TokenId> ids = tokenizer->encode(texts[i], options);
    Hash hash;
    for (const TokenId id : ids) hash.add(id);
    golden >> expected;
    EXPECT_EQ(hash.text(), expected) << vocabulary << ", text " << i << ": " << texts[i];
    const std::string text = tokenizer->decode(ids).value();
    EXPECT_EQ(streamed(*tokenizer, ids), text);
    decoded.add(text);
    if (i % kTextsInLine != kTextsInLine - 1) continue;
    golden >> expected;
    EXPECT_EQ(decoded.text(), expected) << vocabulary << ", texts before " << i + 1;
    decoded = {};
  }
  EXPECT_TRUE(golden) << vocabulary << ": the golden file ends early";
  EXPECT_FALSE(golden >> expected) << vocabulary << ": the golden file has more texts";
}

TEST(TokenizerGolden, IdsAndTextsAreThoseOfTheOriginals) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kTokenizers)) {
    const std::string name = entry.path().filename().string();
    const bool model = name.starts_with("spm-") && name.ends_with(".model");
    if (!model && !(name.starts_with("json-") && name.ends_with(".json"))) continue;
    expect_golden(entry.path(), name, model ? kAsSentencepiece : EncodeOptions());
    ++count;
  }
  EXPECT_EQ(count, 12);
}

void expect_real_golden(const std::string& name, const std::string& file,
                        const EncodeOptions& options) {
  const fs::path path = test::shared_data("tokenizers/" + name + file);
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  expect_golden(path, name, options);
}

TEST(TokenizerGolden, HfLlama2) { expect_real_golden("hf-llama2", "", {}); }
TEST(TokenizerGolden, HfPhi2) { expect_real_golden("hf-phi-2", "", {}); }
TEST(TokenizerGolden, LlamaSpm) {
  expect_real_golden("llama-spm", "/tokenizer.model", kAsSentencepiece);
}

// The texts of a file of test cases, which llama.cpp separates by a line of their own.
std::vector<std::string> split_cases(std::string_view file) {
  constexpr std::string_view kBorder = "\n__ggml_vocab_test__\n";
  std::vector<std::string> cases;
  for (size_t end; (end = file.find(kBorder)) != file.npos;) {
    cases.emplace_back(file.substr(0, end));
    file.remove_prefix(end + kBorder.size());
  }
  if (!file.empty()) cases.emplace_back(file);
  return cases;
}

std::vector<TokenId> parse_ids(const std::string& line) {
  std::istringstream in(line);
  std::vector<TokenId> ids;
  for (TokenId id; in >> id;) ids.push_back(id);
  return ids;
}

// How many of the vectors in `folder` agree; all of them should.
void expect_vectors(const std::string& folder, const std::string& file) {
  const fs::path data = test::shared_data("tokenizers/" + folder);
  if (!fs::exists(data)) GTEST_SKIP() << data << " is not there";
  const Result<Tokenizer> tokenizer = Tokenizer::open((data / file).string());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  const std::vector<std::string> cases = split_cases(read(data / "cases.inp"));
  std::istringstream expected(read(data / "cases.out"));
  size_t matched = 0;
  for (const std::string& text : cases) {
    std::string line;
    std::getline(expected, line);
    const std::vector<TokenId> ids = tokenizer->encode(text, {.add_special = false});
    EXPECT_EQ(ids, parse_ids(line)) << folder << ": " << text;
    EXPECT_EQ(tokenizer->decode(ids).value(), text) << folder;
    matched += ids == parse_ids(line);
  }
  std::printf("%s: %zu of %zu vectors match\n", folder.c_str(), matched, cases.size());
  EXPECT_GE(cases.size(), 40u);
}

TEST(TokenizerVectors, Gpt2) { expect_vectors("gpt-2", "vocab.gguf"); }
TEST(TokenizerVectors, LlamaSpm) { expect_vectors("llama-spm", "vocab.gguf"); }
TEST(TokenizerVectors, LlamaSpmAsSentencepieceModel) {
  expect_vectors("llama-spm", "tokenizer.model");
}
TEST(TokenizerVectors, Starcoder) { expect_vectors("starcoder", "vocab.gguf"); }
TEST(TokenizerVectors, DeepseekCoder) { expect_vectors("deepseek-coder", "vocab.gguf"); }
TEST(TokenizerVectors, Qwen2) { expect_vectors("qwen2", "vocab.gguf"); }

}  // namespace
}  // namespace llmos
