// SPDX-License-Identifier: Apache-2.0
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

}  // namespace
}  // namespace llmos::jinja
