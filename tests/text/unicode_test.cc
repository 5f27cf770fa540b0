// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/text.h"
#include "support/test_seed.h"
#include "text/random_text.h"

namespace llmos::unicode {
namespace {

TEST(Unicode, CategoriesOfSomeCharacters) {
  EXPECT_EQ(category('a'), Category::kLl);
  EXPECT_EQ(category('A'), Category::kLu);
  EXPECT_EQ(category('0'), Category::kNd);
  EXPECT_EQ(category(' '), Category::kZs);
  EXPECT_EQ(category('_'), Category::kPc);
  EXPECT_EQ(category(0x01C5), Category::kLt);
  EXPECT_EQ(category(0x02B0), Category::kLm);
  EXPECT_EQ(category(0x4E2D), Category::kLo);
  EXPECT_EQ(category(0x0301), Category::kMn);
  EXPECT_EQ(category(0x2167), Category::kNl);
  EXPECT_EQ(category(0x00BD), Category::kNo);
  EXPECT_EQ(category(0x1F600), Category::kSo);
  EXPECT_EQ(category(0xD800), Category::kCs);
  EXPECT_EQ(category(0xE000), Category::kCo);
  EXPECT_EQ(category(0x10FFFF), Category::kCn);
  EXPECT_EQ(category(0x1C89), Category::kLu) << "assigned by 16.0: the version is another";
}

// The numbers of Unicode 16.0.0, counted by another library (make_unicode.py --check).
TEST(Unicode, CategoryCountsAreThoseOfVersion16) {
  std::array<size_t, 32> counts{};
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (c < 0xD800 || c > 0xDFFF) ++counts[size_t(category(c))];
  }
  const auto count = [&](Categories set) {
    size_t total = 0;
    for (size_t i = 0; i < counts.size(); ++i) total += (set >> i & 1) ? counts[i] : 0;
    return total;
  };
  EXPECT_EQ(count(kLetter), 141028u);
  EXPECT_EQ(count(kMark), 2501u);
  EXPECT_EQ(count(kNumber), 1911u);
  EXPECT_EQ(count(kPunctuation), 855u);
  EXPECT_EQ(count(kSymbol), 8514u);
  EXPECT_EQ(count(kSeparator), 19u);
  EXPECT_EQ(count(bit(Category::kLu)), 1858u);
  EXPECT_EQ(count(bit(Category::kNd)), 760u);
}

TEST(Unicode, WhiteSpaceIsTheTwentyFive) {
  std::u32string spaces;
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (is_space(c)) spaces += c;
  }
  EXPECT_EQ(spaces,
            std::u32string(U"\t\n\v\f\r \x85\xA0\x1680\x2000\x2001\x2002\x2003\x2004\x2005"
                           U"\x2006\x2007\x2008\x2009\x200A\x2028\x2029\x202F\x205F\x3000"));
}

TEST(Unicode, EveryScalarValueRoundTrips) {
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append(text, c);
    const Character first = decode(text);
    const Character last = decode_last(text);
    ASSERT_EQ(first.code_point, c);
    ASSERT_EQ(first.bytes, text.size());
    ASSERT_EQ(last.code_point, c);
    ASSERT_EQ(last.bytes, text.size());
  }
}

// decode() against base's definition of a well-formed character, and decode_last() against it.
TEST(Unicode, BrokenBytesCountOneEach) {
  test::RandomText random(test::seed("broken bytes"), /*broken_utf8=*/true);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random.text(20);
    std::vector<size_t> begins;
    for (size_t at = 0; at < text.size();) {
      const std::string_view rest = std::string_view(text).substr(at);
      const Character c = decode(rest);
      const size_t valid = utf8_character_bytes(rest);
      ASSERT_EQ(c.bytes, valid == 0 ? 1 : valid);
      ASSERT_TRUE(valid != 0 || c.code_point == kReplacement);
      begins.push_back(at);
      at += c.bytes;
    }
    for (size_t end = text.size(); end > 0; begins.pop_back()) {
      end -= decode_last(std::string_view(text).substr(0, end)).bytes;
      ASSERT_EQ(end, begins.back());
    }
  }
}

}  // namespace
}  // namespace llmos::unicode
