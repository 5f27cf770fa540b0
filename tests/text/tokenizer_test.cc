// SPDX-License-Identifier: Apache-2.0
#include "llmos/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/random_text.h"
#include "text/small_spec.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kSpace = "\u2581";

// Ids: 0 <unk>, 1 <s>, 2 </s>, 3 space, 4 a, 5 b, 6 space a, 7 <tool>, then the bytes.
TokenizerSpec llama() {
  TokenizerSpec spec =
      test::small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown},
                                              {"<s>", 0, TokenType::kControl},
                                              {"</s>", 0, TokenType::kControl},
                                              {kSpace, -1},
                                              {"a", -2},
                                              {"b", -3},
                                              {kSpace + "a", -4},
                                              {"<tool>", 0, TokenType::kUserDefined}});
  test::add_byte_tokens(spec);
  spec.bos = 1;
  spec.eos = 2;
  spec.end_of_generation = {2};
  spec.prefix = {1};
  spec.normalizer = {{NormalizerStep::Kind::kPrepend, "", kSpace},
                     {NormalizerStep::Kind::kReplace, " ", kSpace}};
  spec.decoder = {{DecoderStep::Kind::kReplace, kSpace, " "},
                  {DecoderStep::Kind::kByteFallback},
                  {DecoderStep::Kind::kFuse},
                  {DecoderStep::Kind::kStrip, "", " ", 1}};
  spec.added_tokens = {{1, "<s>", true}, {2, "</s>", true}, {7, "<tool>"}};
  spec.chat_templates = {{"default", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"}};
  return spec;
}

Tokenizer make(TokenizerSpec spec) { return make_tokenizer(std::move(spec)).value(); }

constexpr TokenId byte_id(uint8_t byte) { return 8 + byte; }

TEST(Tokenizer, EncodesAndDecodes) {
  const Tokenizer tokenizer = make(llama());
  EXPECT_THAT(tokenizer.encode("a b"), ElementsAre(1, 6, 3, 5));
  EXPECT_THAT(tokenizer.encode(""), ElementsAre(1));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a b")).value(), "a b");
  EXPECT_EQ(tokenizer.decode({}).value(), "");
}

TEST(Tokenizer, SpecialTokens) {
  const Tokenizer tokenizer = make(llama());
  EXPECT_THAT(tokenizer.encode("</s>a", {.add_special = false}), ElementsAre(2, 6));
  EXPECT_EQ(tokenizer.encode("</s>", {.add_special = false, .parse_special = false}).size(), 5u);
  EXPECT_THAT(tokenizer.encode("<tool>", {.add_special = false, .parse_special = false}),
              ElementsAre(7));
  const std::vector<TokenId> ids{1, 6, 7, 2};
  EXPECT_EQ(tokenizer.decode(ids).value(), "a<tool>");
  EXPECT_EQ(tokenizer.decode(ids, {.skip_special = false}).value(), "<s> a<tool></s>");
}

TEST(Tokenizer, AnswersForItsVocabulary) {
  const Tokenizer tokenizer = make(llama());
  EXPECT_EQ(tokenizer.vocabulary_size(), 8u + 256);
  EXPECT_EQ(tokenizer.token(6), kSpace + "a");
  EXPECT_EQ(tokenizer.token(-1), "");
  EXPECT_EQ(tokenizer.token(1 << 20), "");
  EXPECT_EQ(tokenizer.find_token("<s>"), 1);
  EXPECT_EQ(tokenizer.find_token("none"), kNoToken);
  EXPECT_EQ(tokenizer.find_token(""), kNoToken);
  EXPECT_EQ(tokenizer.token_kind(0), TokenKind::kUnknown);
  EXPECT_EQ(tokenizer.token_kind(1), TokenKind::kControl);
  EXPECT_EQ(tokenizer.token_kind(4), TokenKind::kNormal);
  EXPECT_EQ(tokenizer.token_kind(7), TokenKind::kUserDefined);
  EXPECT_EQ(tokenizer.token_kind(8), TokenKind::kByte);
  EXPECT_EQ(tokenizer.token_kind(-5), TokenKind::kUnused);
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_EQ(tokenizer.eos(), 2);
  EXPECT_EQ(tokenizer.unknown(), 0);
  EXPECT_EQ(tokenizer.padding(), kNoToken);
  EXPECT_TRUE(tokenizer.is_end(2));
  EXPECT_FALSE(tokenizer.is_end(1));
  EXPECT_FALSE(tokenizer.is_end(-1));
  EXPECT_FALSE(tokenizer.is_end(1 << 20));
}

TEST(Tokenizer, RefusesIdsOutsideTheVocabulary) {
  const Tokenizer tokenizer = make(llama());
  for (const TokenId id : {-1, 264, INT32_MAX, INT32_MIN}) {
    const Status status = tokenizer.decode(std::vector<TokenId>{4, id}).status();
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("from 0 to 263, found " + std::to_string(id)));
  }
}

TEST(Tokenizer, BytesThatAreNoUtf8) {
  const Tokenizer tokenizer = make(llama());
  const std::vector<TokenId> ids = tokenizer.encode("\xFF", {.add_special = false});
  EXPECT_THAT(ids, ElementsAre(3, byte_id(0xFF)));
  EXPECT_EQ(tokenizer.decode(ids).value(), "\uFFFD");
}

TEST(Tokenizer, RendersChats) {
  const Tokenizer tokenizer = make(llama());
  EXPECT_TRUE(tokenizer.has_chat_template());
  EXPECT_EQ(tokenizer.render_chat({.messages = R"([{"role":"user","content":"Hi"}])"}).value(),
            "<s>Hi</s>");
  TokenizerSpec bare = llama();
  bare.chat_templates.clear();
  EXPECT_FALSE(make(bare).has_chat_template());
  EXPECT_EQ(make(bare).render_chat({.messages = "[]"}).status().code(), Code::kNotFound);
}

TEST(Tokenizer, AddedTokensThatAreNormalised) {
  TokenizerSpec spec = llama();
  spec.added_tokens = {{7, "a b", false, true}};
  // Looked for as the normaliser leaves it, with the space before: not inside a word.
  EXPECT_THAT(make(spec).encode("a b", {.add_special = false}), ElementsAre(7));
  EXPECT_THAT(make(spec).encode("ba b", {.add_special = false}), ElementsAre(3, 5, 4, 3, 5));
}

TEST(Tokenizer, WordLevel) {
  TokenizerSpec spec =
      test::small_spec(TokenizerModel::kWordLevel, {{"?", 0, TokenType::kUnknown}, {"a"}, {"bc"}});
  spec.pretokenizer = {{PretokenizerStep::Kind::kWhitespaceSplit}};
  spec.decoder = {{DecoderStep::Kind::kSpaces}};
  EXPECT_THAT(make(spec).encode("bc  x a"), ElementsAre(2, 0, 1));
  EXPECT_EQ(make(spec).decode(make(spec).encode("bc  a")).value(), "bc a");
  spec.unknown.reset();
  EXPECT_THAT(make(spec).encode("bc x a"), ElementsAre(2, 1));
}

TEST(Tokenizer, RefusesASpecThatContradictsItself) {
  TokenizerSpec spec = llama();
  spec.bos = 1000;
  EXPECT_EQ(make_tokenizer(spec).status().code(), Code::kCorrupt);
  spec = llama();
  spec.normalizer = {{NormalizerStep::Kind::kReplaceRegex, "("}};
  EXPECT_FALSE(make_tokenizer(spec).ok());
  spec = llama();
  spec.pretokenizer = {{PretokenizerStep::Kind::kSplitRegex, "("}};
  EXPECT_FALSE(make_tokenizer(spec).ok());
  spec = llama();
  spec.decoder = {{DecoderStep::Kind::kFuse}, {DecoderStep::Kind::kByteLevel}};
  EXPECT_EQ(make_tokenizer(spec).status().code(), Code::kUnsupported);
}

// One tokenizer, many threads: each text has the ids and the text it has alone.
TEST(Tokenizer, IsThreadSafe) {
  TokenizerSpec bpe;
  bpe.tokens = {"a", "b", "ab", "\u0120", "\u0120a"};
  bpe.merges = {{0, 1, 2}, {3, 0, 4}};
  bpe.pretokenizer = {{PretokenizerStep::Kind::kByteLevel}};
  bpe.decoder = {{DecoderStep::Kind::kByteLevel}};
  TokenizerSpec unigram = llama();
  unigram.model = TokenizerModel::kUnigram;
  unigram.normalizer = {{NormalizerStep::Kind::kNfkc}};
  const uint64_t seed = test::seed("texts of threads");
  for (const TokenizerSpec& spec : {llama(), unigram, bpe}) {
    const Tokenizer tokenizer = make(spec);
    test::RandomText random(seed, true);
    std::vector<std::string> texts;
    std::vector<std::vector<TokenId>> ids;
    for (int i = 0; i < 100; ++i) {
      texts.push_back(random.text(20) + " ab a ab");
      ids.push_back(make(spec).encode(texts.back()));  // of a tokenizer that has learnt nothing
    }
    const auto check = [&](size_t first) {
      for (size_t i = 0; i < texts.size(); ++i) {
        const size_t at = (i + first) % texts.size();
        EXPECT_EQ(tokenizer.encode(texts[at]), ids[at]);
        Detokenizer detokenizer(tokenizer);
        std::string text;
        for (const TokenId id : ids[at]) text += detokenizer.push(id);
        EXPECT_EQ(text + detokenizer.finish(), tokenizer.decode(ids[at]).value());
      }
    };
    std::vector<std::thread> threads;
    for (size_t i = 0; i < 8; ++i) threads.emplace_back(check, 13 * i);
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace llmos
