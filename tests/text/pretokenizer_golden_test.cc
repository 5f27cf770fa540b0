// SPDX-License-Identifier: Apache-2.0
// Pieces and ids against those of HF tokenizers, on the strings of make_pretokenizers.py.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "text/long_texts.h"
#include "text/trained_bpe.h"

namespace llmos {
namespace {

const std::string kGolden = LLMOS_SOURCE_DIR "/tests/golden/";

std::string trained_path(const std::string& name) {
  return kGolden + "tokenizers/bpe-" + name + ".json";
}

struct Golden {
  Json json;
  std::vector<std::string> strings;
  size_t block = 0;

  static Golden load() {
    Golden golden;
    const Result<std::string> text = os::read_file(kGolden + "pretokenizers.json", 1 << 20);
    EXPECT_TRUE(text.ok()) << text.status().to_string();
    golden.json = *parse_json(*text);
    golden.block = size_t(*golden.json.find("block")->if_int64());
    for (const Json& string : golden.json.find("strings")->items()) {
      golden.strings.push_back(*string.if_string());
    }
    return golden;
  }
};

// FNV-1a over numbers, as the script does.
class Hash {
 public:
  void add(uint32_t number) { hash_ = (hash_ ^ number) * 0x100000001B3; }
  std::string text() const {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash_));
    return digits;
  }

 private:
  uint64_t hash_ = 0xCBF29CE484222325;
};

// `numbers(text, hash)` adds what belongs to one string.
template <class Numbers>
void expect_hashes(const Golden& golden, const JsonMember& kind, Numbers numbers) {
  const auto expected = kind.value.items();
  ASSERT_EQ(expected.size(), golden.strings.size() / golden.block);
  for (size_t block = 0; block < expected.size(); ++block) {
    Hash hash;
    for (size_t i = 0; i < golden.block; ++i) {
      numbers(golden.strings[block * golden.block + i], &hash);
      hash.add(0xFFFFFFFF);
    }
    EXPECT_EQ(hash.text(), *expected[block].if_string())
        << kind.key << ", strings from " << block * golden.block;
  }
}

TEST(PretokenizerGolden, PiecesAreThoseOfHfTokenizers) {
  const Golden golden = Golden::load();
  ASSERT_GE(golden.json.find("pieces")->members().size(), 15u);
  for (const JsonMember& kind : golden.json.find("pieces")->members()) {
    const Result<Pretokenizer> pretokenizer = test::named_pretokenizer(kind.key);
    ASSERT_TRUE(pretokenizer.ok()) << pretokenizer.status().to_string();
    expect_hashes(golden, kind, [&](const std::string& text, Hash* hash) {
      pretokenizer->split(text, [&](std::string_view piece) { hash->add(uint32_t(piece.size())); });
    });
  }
}

TEST(PretokenizerGolden, IdsOfTrainedVocabulariesAreThoseOfHfTokenizers) {
  const Golden golden = Golden::load();
  ASSERT_GE(golden.json.find("ids")->members().size(), 9u);
  for (const JsonMember& kind : golden.json.find("ids")->members()) {
    const auto trained = test::TrainedBpe::load(kind.key, trained_path(kind.key));
    ASSERT_TRUE(trained.ok()) << trained.status().to_string();
    expect_hashes(golden, kind, [&](const std::string& text, Hash* hash) {
      for (const TokenId id : trained->encode(text)) hash->add(uint32_t(id));
    });
  }
}

TEST(TrainedBpe, LongTextsTakeLinearTime) {
  const Golden golden = Golden::load();
  for (const JsonMember& kind : golden.json.find("ids")->members()) {
    const auto trained = test::TrainedBpe::load(kind.key, trained_path(kind.key));
    ASSERT_TRUE(trained.ok()) << trained.status().to_string();
    for (const std::string& text : test::long_texts()) {
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_FALSE(trained->encode(text).empty());
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      EXPECT_LT(seconds.count(), test::kLongTextSecondsMax)
          << kind.key << ", " << text.substr(0, 8);
    }
  }
}

// Each thread encodes every string by the one Pretokenizer and the one Bpe, none seen before.
TEST(TrainedBpe, ThreadsShareIt) {
  const Golden golden = Golden::load();
  const auto load = [&](std::string_view name) {
    auto trained = test::TrainedBpe::load(name, trained_path(std::string(name)));
    EXPECT_TRUE(trained.ok()) << trained.status().to_string();
    return *std::move(trained);
  };
  const auto encode_all = [&](const test::TrainedBpe& trained) {
    std::vector<std::vector<TokenId>> ids;
    for (const std::string& string : golden.strings) ids.push_back(trained.encode(string));
    return ids;
  };
  for (const std::string_view name : {"qwen2", "deepseek-coder"}) {
    const auto expected = encode_all(load(name));
    const test::TrainedBpe shared = load(name);
    std::vector<std::vector<std::vector<TokenId>>> found(4);
    std::vector<std::thread> threads;
    for (auto& ids : found) threads.emplace_back([&] { ids = encode_all(shared); });
    for (std::thread& thread : threads) thread.join();
    for (const auto& ids : found) EXPECT_EQ(ids, expected) << name;
  }
}

}  // namespace
}  // namespace llmos
