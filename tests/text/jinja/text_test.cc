// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/text.h"

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaText, PrintsValues) {
  expect_texts({
      {"1.0", "1.0"},
      {"1e16", "1e+16"},
      {"1e-5", "1e-05"},
      {"0.1", "0.1"},
      {"100.0", "100.0"},
      {"1e22", "1e+22"},
      {"123456789.123", "123456789.123"},
      {"[1.0, 'a']", "[1.0, 'a']"},
      {"['it\\'s', 'a\"b', 'it\\'s \"x\"']", "[\"it's\", 'a\"b', 'it\\'s \"x\"']"},
      {"['\\n\\t\\\\\\x00\\x7f']", "['\\n\\t\\\\\\x00\\x7f']"},
      {"['é\\u200b\\u00ad天😀']", "['é\\u200b\\xad天😀']"},
      {"{'a': none, 1: true}", "{'a': None, 1: True}"},
      {"(1,)", "(1,)"},
      {"()", "()"},
      {"range(3)", "range(0, 3)"},
      {"range(1, 5, 2)", "range(1, 5, 2)"},
      {"d.keys()", "dict_keys(['a', 'b'])"},
      {"d.values()", "dict_values([1, [1, 2]])"},
      {"{'a': 1}.items()", "dict_items([('a', 1)])"},
      {"missing", ""},
      {"[missing] | length", "1"},
      {"none", "None"},
      {"true", "True"},
      {"[[], [[]]]", "[[], [[]]]"},
      {"'a\\nb'", "a\nb"},
      {"['\\ud7ff\\ue000']", "['\\ud7ff\\ue000']"},
      {"['<' | safe]", "[Markup('<')]"},
  });
}

TEST(JinjaText, FindsAsTheStandardLibraryDoes) {
  Rng rng(test::seed("texts to find"));
  for (int round = 0; round < 20000; ++round) {
    std::string text(rng.below(300), 'a');
    for (char& c : text) c = rng.below(12) ? 'a' : 'b';
    const size_t first = rng.below(text.size() + 1);
    std::string wanted = text.substr(first, rng.below(200));
    if (rng.below(4) == 0) wanted += 'b';
    const size_t from = rng.below(text.size() + 2);
    ASSERT_EQ(find_text(text, wanted, from), text.find(wanted, from)) << text << "\n" << wanted;
    ASSERT_EQ(find_last_text(text, wanted), text.rfind(wanted)) << text << "\n" << wanted;
  }
}

// The standard library would compare 10^12 bytes.
TEST(JinjaText, FindsInLinearTime) {
  const std::string text(4'000'000, 'a');
  const std::string half(2'000'000, 'a');
  EXPECT_EQ(find_text(text, half + "b"), text.npos);
  EXPECT_EQ(find_last_text(text, "b" + half), text.npos);
}

}  // namespace
}  // namespace llmos::jinja
