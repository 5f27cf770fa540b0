// SPDX-License-Identifier: Apache-2.0
#include "text/normalize.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>

#include "support/test_seed.h"
#include "text/random_text.h"
#include "text/unicode.h"

namespace llmos::unicode {
namespace {

constexpr Form kForms[] = {Form::kNfc, Form::kNfd, Form::kNfkc, Form::kNfkd};

TEST(Normalize, ComposesAndDecomposes) {
  EXPECT_EQ(normalize("e\u0301", Form::kNfc), "\u00E9");
  EXPECT_EQ(normalize("\u00E9", Form::kNfd), "e\u0301");
  EXPECT_EQ(normalize("a\u0323\u0307", Form::kNfc), "\u1EA1\u0307");
  EXPECT_EQ(normalize("a\u0307\u0323", Form::kNfc), "\u1EA1\u0307") << "marks are ordered first";
  EXPECT_EQ(normalize("\u212B", Form::kNfc), "\u00C5");
  EXPECT_EQ(normalize("\u0344", Form::kNfc), "\u0308\u0301") << "excluded from composition";
  EXPECT_EQ(normalize("\u0958", Form::kNfc), "\u0915\u093C");
}

TEST(Normalize, HangulByArithmetic) {
  EXPECT_EQ(normalize("\uD55C\uAE00", Form::kNfd), "\u1112\u1161\u11AB\u1100\u1173\u11AF");
  EXPECT_EQ(normalize("\u1112\u1161\u11AB\u1100\u1173\u11AF", Form::kNfc), "\uD55C\uAE00");
  EXPECT_EQ(normalize("\uAC00\u11A7", Form::kNfc), "\uAC00\u11A7") << "the filler is no final";
}

TEST(Normalize, CompatibilityFormsFoldLooks) {
  EXPECT_EQ(normalize("\uFB01\u2460\uFF21\u00BD", Form::kNfkc), "fi1A1\u20442");
  EXPECT_EQ(normalize("\uFB01", Form::kNfc), "\uFB01");
  EXPECT_EQ(normalize("\uFDFA", Form::kNfkd).size(), 33u) << "eighteen code points";
}

// All code points of a form, one after another, against the hash of what unicodedata2 16.0.0 says.
uint64_t hash_of_all(Form form) {
  uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (char32_t c = 0; c <= kCodePointMax; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append(text, c);
    for (const char byte : normalize(text, form) + '\n') {
      hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
    }
  }
  return hash;
}

TEST(Normalize, EveryCodePointIsAsInVersion16) {
  EXPECT_EQ(hash_of_all(Form::kNfc), 0x3CE40516AAB8CAE9);
  EXPECT_EQ(hash_of_all(Form::kNfd), 0xDFBC1D2C71AE7);
  EXPECT_EQ(hash_of_all(Form::kNfkc), 0xEA440B95A38EBD0);
  EXPECT_EQ(hash_of_all(Form::kNfkd), 0xE1BE84A551259295);
}

// What the standard promises of every text (UAX 15).
TEST(Normalize, FormsKeepTheirPromises) {
  test::RandomText random(test::seed("normalize"), /*broken_utf8=*/true);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random.text(20);
    for (const Form form : kForms) {
      const std::string once = normalize(text, form);
      ASSERT_EQ(normalize(once, form), once);
    }
    ASSERT_EQ(normalize(normalize(text, Form::kNfd), Form::kNfc), normalize(text, Form::kNfc));
    ASSERT_EQ(normalize(normalize(text, Form::kNfc), Form::kNfd), normalize(text, Form::kNfd));
    ASSERT_EQ(normalize(normalize(text, Form::kNfkd), Form::kNfc), normalize(text, Form::kNfkc));
    ASSERT_EQ(normalize(normalize(text, Form::kNfc), Form::kNfkd), normalize(text, Form::kNfkd));
  }
}

TEST(Normalize, ManyMarksAreNotQuadratic) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 ? "\u0301" : "\u0323";
  const std::string normal = normalize(text, Form::kNfc);
  EXPECT_EQ(normal.substr(0, 5), "\u1EA1\u0323");
  EXPECT_EQ(normal.size(), text.size());
}

TEST(Normalize, BrokenBytesStay) {
  for (const Form form : kForms) {
    EXPECT_EQ(normalize("e\xFF\u0301\xC3", form), "e\xFF\u0301\xC3");
    EXPECT_EQ(normalize("", form), "");
  }
}

TEST(Lowercase, CharacterByCharacter) {
  EXPECT_EQ(lowercase("ABCz\u00C9\u03A3\u0416"), "abcz\u00E9\u03C3\u0436");
  EXPECT_EQ(lowercase("\u0130"), "i\u0307");
  EXPECT_EQ(lowercase("\U00010400\u1E9E\xFFX"), "\U00010428\u00DF\xFFx");
  EXPECT_EQ(lowercase("\u1C89"), "\u1C8A") << "assigned by 16.0";
}

TEST(StripMarks, DropsMarksOnly) { EXPECT_EQ(strip_marks("e\u0301a\u0903\u20DDb\xFF"), "eab\xFF"); }

}  // namespace
}  // namespace llmos::unicode
