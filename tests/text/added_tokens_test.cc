// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Order = AddedTokenOrder;

// The parts of a text: what lies between tokens as it is, tokens in brackets.
std::vector<std::string> parts_of(const AddedTokens& tokens, std::string_view text,
                                  bool special = true) {
  std::vector<TextPart> parts;
  tokens.split(text, special, parts);
  std::vector<std::string> texts;
  for (const TextPart& part : parts) {
    const std::string own(part.text);
    texts.push_back(part.id == kNoToken ? own : "[" + own + "]");
  }
  return texts;
}

AddedToken token(TokenId id, std::string text) { return {id, std::move(text)}; }

TEST(AddedTokens, CutsTheTextAtTokens) {
  for (const Order order : {Order::kLeftmostLongest, Order::kLongestFirst}) {
    const AddedTokens tokens({token(1, "<s>"), token(2, "</s>")}, order);
    EXPECT_THAT(parts_of(tokens, "<s>a</s>b"), ElementsAre("[<s>]", "a", "[</s>]", "b"));
    EXPECT_THAT(parts_of(tokens, "<s><s>"), ElementsAre("[<s>]", "[<s>]"));
    EXPECT_THAT(parts_of(tokens, "<s"), ElementsAre("<s"));
    EXPECT_THAT(parts_of(tokens, ""), IsEmpty());
    EXPECT_THAT(parts_of(AddedTokens({}, order), "a"), ElementsAre("a"));
    EXPECT_TRUE(AddedTokens({token(1, "")}, order).empty());
  }
}

TEST(AddedTokens, SpecialOnesOnlyWhenWanted) {
  AddedToken special = token(1, "<s>");
  special.special = true;
  for (const Order order : {Order::kLeftmostLongest, Order::kLongestFirst}) {
    const AddedTokens tokens({special, token(2, "b")}, order);
    EXPECT_THAT(parts_of(tokens, "<s>b", false), ElementsAre("<s>", "[b]"));
    EXPECT_THAT(parts_of(tokens, "<s>b", true), ElementsAre("[<s>]", "[b]"));
  }
}

TEST(AddedTokens, WhichOfTwoThatOverlapWins) {
  const std::vector<AddedToken> tokens{token(1, "ab"), token(2, "bcd"), token(3, "a")};
  EXPECT_THAT(parts_of(AddedTokens(tokens, Order::kLeftmostLongest), "abcd"),
              ElementsAre("[ab]", "cd"));
  EXPECT_THAT(parts_of(AddedTokens(tokens, Order::kLongestFirst), "abcd"),
              ElementsAre("[a]", "[bcd]"));
}

// Of HF tokenizers: what was turned down hides what it overlaps.
TEST(AddedTokens, WhatIsTurnedDownHidesOthers) {
  AddedToken special = token(1, "ab");
  special.special = true;
  const std::vector<AddedToken> tokens{special, token(2, "b")};
  EXPECT_THAT(parts_of(AddedTokens(tokens, Order::kLeftmostLongest), "ab", false),
              ElementsAre("ab"));
  EXPECT_THAT(parts_of(AddedTokens(tokens, Order::kLongestFirst), "ab", false),
              ElementsAre("a", "[b]"));
}

TEST(AddedTokens, SingleWords) {
  AddedToken word = token(1, "Word");
  word.single_word = true;
  const AddedTokens tokens({word}, Order::kLeftmostLongest);
  EXPECT_THAT(parts_of(tokens, "Word."), ElementsAre("[Word]", "."));
  EXPECT_THAT(parts_of(tokens, "Words"), ElementsAre("Words"));
  EXPECT_THAT(parts_of(tokens, "\u00E9Word"), ElementsAre("\u00E9Word"));
  EXPECT_THAT(parts_of(tokens, "_Word"), ElementsAre("_Word"));
  EXPECT_THAT(parts_of(tokens, "Word\u2160"), ElementsAre("Word\u2160"));  // a number of letters
  EXPECT_THAT(parts_of(tokens, "Word\u00BD"), ElementsAre("[Word]", "\u00BD"));  // one of none
  EXPECT_THAT(parts_of(tokens, "Word\u200D"), ElementsAre("Word\u200D"));
  EXPECT_THAT(parts_of(tokens, "\xFFWord\xFF"), ElementsAre("\xFF", "[Word]", "\xFF"));
}

TEST(AddedTokens, TakesTheWhiteSpaceBesideIt) {
  AddedToken left = token(1, "<l>");
  left.lstrip = true;
  AddedToken right = token(2, "<r>");
  right.rstrip = true;
  const AddedTokens hf({left, right}, Order::kLeftmostLongest);
  EXPECT_THAT(parts_of(hf, "a \u3000\t<l> b"), ElementsAre("a", "[ \u3000\t<l>]", " b"));
  EXPECT_THAT(parts_of(hf, "a <r> \u3000b"), ElementsAre("a ", "[<r> \u3000]", "b"));
  // The space is taken once, by the token that comes first.
  EXPECT_THAT(parts_of(hf, "<r> <l>"), ElementsAre("[<r> ]", "[<l>]"));
  const AddedTokens llama({left, right}, Order::kLongestFirst);
  EXPECT_THAT(parts_of(llama, "a \t<l> b"), ElementsAre("a", "[<l>]", " b"));
  EXPECT_THAT(parts_of(llama, "a\u3000<l>"), ElementsAre("a\u3000", "[<l>]"));
}

// As HF: "[r]" takes all the white space, but then "\t" is found in it, and text goes on behind
// that.
TEST(AddedTokens, ATokenInsideWhiteSpaceThatWasTaken) {
  AddedToken right = token(1, "[r]");
  right.rstrip = true;
  const AddedTokens tokens({right, token(2, "\t")}, Order::kLeftmostLongest);
  EXPECT_THAT(parts_of(tokens, "[r] \t  a"), ElementsAre("[[r] \t  ]", "[\t]", "  a"));
  EXPECT_THAT(parts_of(tokens, "[r] \t"), ElementsAre("[[r] \t]", "[\t]"));
}

TEST(AddedTokens, WhiteSpaceIsLookedAtOnce) {
  AddedToken both = token(1, "\t");
  both.lstrip = both.rstrip = true;
  const AddedTokens tokens({both}, Order::kLeftmostLongest);
  std::vector<TextPart> parts;
  tokens.split(std::string(1 << 20, '\t'), true, parts);
  EXPECT_EQ(parts.size(), size_t{1} << 20);
}

// All of the text comes back, in order; what is no token holds none.
TEST(AddedTokens, NothingIsLost) {
  Rng rng(test::seed("added tokens"));
  const auto random = [&](size_t size_max) {
    std::string text;
    for (size_t left = 1 + rng.below(size_max); left > 0; --left) text += char('a' + rng.below(2));
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<AddedToken> tokens;
    for (TokenId id = 0; id < 3; ++id) tokens.push_back(token(id, random(4)));
    const std::string text = random(20);
    for (const Order order : {Order::kLeftmostLongest, Order::kLongestFirst}) {
      std::vector<TextPart> parts;
      AddedTokens(tokens, order).split(text, true, parts);
      std::string whole;
      for (const TextPart& part : parts) {
        EXPECT_FALSE(part.text.empty());
        for (const AddedToken& one : tokens) {
          if (part.id == kNoToken) {
            EXPECT_EQ(part.text.find(one.text), part.text.npos);
          }
        }
        whole += part.text;
      }
      EXPECT_EQ(whole, text);
    }
  }
}

// The words of llama.cpp: the longest tokens first, each in all that is still text.
std::vector<std::string> naive_longest_first(const std::vector<AddedToken>& tokens,
                                             const std::string& text) {
  std::vector<std::string> parts{text};
  for (size_t size = 4; size > 0; --size) {
    std::vector<std::string> next;
    for (const std::string& part : parts) {
      if (part.starts_with('[')) {
        next.push_back(part);
        continue;
      }
      size_t done = 0;
      for (size_t at = 0; at + size <= part.size();) {
        const std::string here = part.substr(at, size);
        if (std::none_of(tokens.begin(), tokens.end(),
                         [&](const AddedToken& one) { return one.text == here; })) {
          ++at;
          continue;
        }
        if (at > done) next.push_back(part.substr(done, at - done));
        next.push_back("[" + here + "]");
        done = at += size;
      }
      if (done < part.size()) next.push_back(part.substr(done));
    }
    parts = next;
  }
  return parts;
}

TEST(AddedTokens, LongestFirstAsTheNaiveModel) {
  Rng rng(test::seed("longest first"));
  const auto random = [&](size_t size_max) {
    std::string text;
    for (size_t left = 1 + rng.below(size_max); left > 0; --left) text += char('a' + rng.below(3));
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<AddedToken> tokens;
    for (TokenId id = 0; id < 4; ++id) tokens.push_back(token(id, random(4)));
    const std::string text = random(24);
    EXPECT_EQ(parts_of(AddedTokens(tokens, Order::kLongestFirst), text),
              naive_longest_first(tokens, text))
        << text;
  }
}

}  // namespace
}  // namespace llmos
