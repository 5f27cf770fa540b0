// SPDX-License-Identifier: Apache-2.0
#include "text/utf8_stream.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/random_text.h"

namespace llmos {
namespace {

const std::string kBad = "\uFFFD";

std::string whole(std::string_view bytes) {
  Utf8Stream stream;
  std::string text;
  stream.push(bytes, text);
  stream.finish(text);
  return text;
}

TEST(Utf8Stream, HoldsAnUnfinishedCharacterBack) {
  Utf8Stream stream;
  std::string text;
  for (const char byte : std::string("\xF0\x9F\x98")) stream.push({&byte, 1}, text);
  EXPECT_EQ(text, "");
  stream.push("\x80!", text);
  EXPECT_EQ(text, "\U0001F600!");
}

TEST(Utf8Stream, AnUnfinishedCharacterEndsAsOneReplacement) {
  Utf8Stream stream;
  std::string text;
  stream.push("a\xF0\x9F\x98", text);
  EXPECT_EQ(text, "a");
  stream.finish(text);
  EXPECT_EQ(text, "a" + kBad);
  stream.push("b", text);  // as new
  stream.finish(text);
  EXPECT_EQ(text, "a" + kBad + "b");
}

// Python: bytes.decode("utf-8", errors="replace").
TEST(Utf8Stream, ReplacesAsPython) {
  EXPECT_EQ(whole("\xFF\xFE"), kBad + kBad);
  EXPECT_EQ(whole("\x80"), kBad);
  EXPECT_EQ(whole("\xC0\xAF"), kBad + kBad);                        // overlong
  EXPECT_EQ(whole("\xE0\x80\xAF"), kBad + kBad + kBad);             // overlong
  EXPECT_EQ(whole("\xED\xA0\x80"), kBad + kBad + kBad);             // a surrogate
  EXPECT_EQ(whole("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);  // above U+10FFFF
  EXPECT_EQ(whole("\xE2\x82"
                  "a"),
            kBad + "a");  // one for the maximal part
  EXPECT_EQ(whole("\xF0\x9F\x98\xE2\x82\xAC"), kBad + "\u20AC");
  EXPECT_EQ(whole("\xE2\xE2\x82\xAC"), kBad + "\u20AC");
  EXPECT_EQ(whole("a\xF1\x80\x80"), "a" + kBad);
}

TEST(Utf8Stream, HowTheBytesAreCutMakesNoDifference) {
  Rng rng(test::seed("cuts of texts"));
  test::RandomText texts(rng.u64(), true);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = texts.text(10);
    Utf8Stream stream;
    std::string text;
    for (size_t at = 0; at < bytes.size();) {
      const size_t part = 1 + rng.below(4);
      stream.push(std::string_view(bytes).substr(at, part), text);
      at += part;
    }
    stream.finish(text);
    EXPECT_EQ(text, whole(bytes));
    EXPECT_EQ(whole(text), text);  // is UTF-8 now
  }
}

TEST(Utf8Stream, PrefixesOfCharacters) {
  EXPECT_EQ(utf8_prefix_bytes(""), 0u);
  EXPECT_EQ(utf8_prefix_bytes("ab"), 1u);
  EXPECT_EQ(utf8_prefix_bytes("\xE2\x82\xAC"), 3u);
  EXPECT_EQ(utf8_prefix_bytes("\xE2\x82"), 2u);
  EXPECT_EQ(utf8_prefix_bytes("\xE2"
                              "a"),
            1u);
  EXPECT_EQ(utf8_prefix_bytes("\x80"), 0u);
  EXPECT_EQ(utf8_prefix_bytes("\xF5\x80"), 0u);
}

}  // namespace
}  // namespace llmos
