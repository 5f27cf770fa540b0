// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaCompare, ComparesNumbers) {
  expect_texts({
      {"1 == 1.0", "True"},
      {"1 == true", "True"},
      {"0.5 < 1", "True"},
      {"2 > 1.5", "True"},
      {"9007199254740993 == 9007199254740992.0", "False"},
      {"9007199254740993 > 9007199254740992.0", "True"},
      {"big == 9223372036854775808", "True"},
      {"-1 < 0 <= 0 < 1", "True"},
      {"1 < 3 < 2", "False"},
      {"1 != 1", "False"},
      {"'1' == 1", "False"},
      {"1e300 > big", "True"},
      {"true < 2", "True"},
  });
}

TEST(JinjaCompare, ComparesTheRest) {
  expect_texts({
      {"'a' < 'b'", "True"},
      {"'Z' < 'a'", "True"},
      {"'a' < 'ab'", "True"},
      {"'é' > 'z'", "True"},
      {"[1, 2] < [1, 3]", "True"},
      {"[1] < [1, 0]", "True"},
      {"(1, 2) == (1, 2)", "True"},
      {"[1] == (1,)", "False"},
      {"{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "True"},
      {"{'a': 1} == {'a': 1.0}", "True"},
      {"none == none", "True"},
      {"none == false", "False"},
      {"range(3) == range(0, 3)", "True"},
      {"[] == ()", "False"},
      {"missing == missing", "True"},
      {"missing == none", "False"},
      {"[[1, [2]]] == [[1, [2]]]", "True"},
  });
}

TEST(JinjaCompare, RefusesOrderWherePythonHasNone) {
  expect_failures({
      {"1 < 'a'", "no order between int and str"},
      {"none < 1", "no order between NoneType and int"},
      {"[1] < 1", "no order between list and int"},
      {"{} < {}", "no order between dict and dict"},
      {"missing < 1", "'missing' is undefined"},
      {"[1, 'a'] < [1, 2]", "no order between str and int"},
      {"(1,) < [1]", "no order between tuple and list"},
      {"none <= none", "no order between NoneType and NoneType"},
  });
}

TEST(JinjaCompare, FindsMembers) {
  expect_texts({
      {"1 in [1, 2]", "True"},
      {"1.0 in [1]", "True"},
      {"'a' in 'cat'", "True"},
      {"'' in ''", "True"},
      {"'x' not in 'cat'", "True"},
      {"'a' in d", "True"},
      {"1 in d", "False"},
      {"'a' in d.keys()", "True"},
      {"('a', 1) in {'a': 1}.items()", "True"},
      {"1 in d.values()", "True"},
      {"3 in range(5)", "True"},
      {"7 in range(5)", "False"},
      {"4 in range(0, 9, 2)", "True"},
      {"5 in range(0, 9, 2)", "False"},
      {"none in [none]", "True"},
      {"[1] in [[1]]", "True"},
      {"'k' in ld[0]", "True"},
      {"1 in (l | map('int'))", "True"},
      {"missing in [1]", "False"},
  });
  expect_failures({
      {"1 in 'a'", "'in' a string needs a string, found int"},
      {"1 in 1", "expected something to walk over, found int"},
      {"'a' in none", "expected something to walk over, found NoneType"},
      {"[] in {}", "expected a key, found list, which cannot be one"},
  });
}

TEST(JinjaCompare, KnowsTruth) {
  expect_texts({
      {"not ''", "True"},
      {"not 'x'", "False"},
      {"not 0", "True"},
      {"not 0.0", "True"},
      {"not []", "True"},
      {"not [0]", "False"},
      {"not {}", "True"},
      {"not none", "True"},
      {"not missing", "True"},
      {"not ()", "True"},
      {"not range(0)", "True"},
      {"not range(2)", "False"},
      {"not (1e400 - 1e400)", "False"},
      {"not d.keys()", "False"},
      {"not namespace()", "False"},
  });
}

TEST(JinjaCompare, KnowsLengths) {
  expect_texts({
      {"s | length", "11"},
      {"u | length", "9"},
      {"l | length", "3"},
      {"d | length", "2"},
      {"range(2, 9, 3) | length", "3"},
      {"d.items() | length", "2"},
      {"'' | count", "0"},
      {"missing | length", "0"},
  });
  expect_failures({
      {"7 | length", "int has no length"},
      {"none | length", "NoneType has no length"},
      {"(l | map('int')) | length", "generator has no length"},
  });
}

}  // namespace
}  // namespace llmos::jinja
