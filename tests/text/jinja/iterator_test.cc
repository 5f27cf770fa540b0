// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaIterator, WalksEverything) {
  expect_texts({
      {"'añ' | list", "['a', 'ñ']"},
      {"d | list", "['a', 'b']"},
      {"d.keys() | list", "['a', 'b']"},
      {"d.values() | list", "[1, [1, 2]]"},
      {"{'a': 1}.items() | list", "[('a', 1)]"},
      {"range(3) | list", "[0, 1, 2]"},
      {"range(3, 0, -1) | list", "[3, 2, 1]"},
      {"(1, 2) | list", "[1, 2]"},
      {"missing | list", "[]"},
      {"(ls | map('upper')) | list", "['B', 'A', 'C']"},
  });
  expect_failures({
      {"none | list", "expected something to walk over, found NoneType"},
      {"7 | list", "expected something to walk over, found int"},
      {"namespace() | list", "expected something to walk over, found Namespace"},
  });
}

TEST(JinjaIterator, ReversesSomeOnly) {
  expect_texts({
      {"range(1, 8, 3) | reverse | list", "[7, 4, 1]"},
      {"d.keys() | reverse | list", "['b', 'a']"},
      {"{'a': 1}.items() | reverse | list", "[('a', 1)]"},
      {"(ls | map('upper')) | reverse | list", "['C', 'A', 'B']"},
  });
}

TEST(JinjaIterator, KnowsWhereALoopStands) {
  expect_rendered({
      {"{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ "
       "loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
       "1032TrueFalse3 2121FalseFalse3 3210FalseTrue3 "},
      {"{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
       "<3>1 3<1>2 1<2> "},
      {"{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
       "FalseTrue TrueTrue TrueFalse "},
      {"{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"},
      {"{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}", "TrueFalseTrue"},
      {"{% for x in l %}{% for y in ls %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
       "1231 1232 1233 "},
      {"{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{% endfor %}{% "
       "endfor %}",
       "123"},
      {"{% for x in (l | map('string')) %}{{ loop.length }}{{ loop.last }}{{ x }} {% endfor %}",
       "3False3 3False1 3True2 "},
      {"{% for x in l %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}", "101010"},
      {"{% for x in l if x != 1 %}{{ loop.index }}{{ loop.length }}{% endfor %}", "1222"},
      {"{% for x in l %}{{ loop }}{% endfor %}",
       "<LoopContext 1/3><LoopContext 2/3><LoopContext 3/3>"},
      {"{{ loop }}{{ loop is defined }}", "False"},
      {"{% for x in l %}{{ loop.nosuch }}{% endfor %}", ""},
      {"{% for x in d.items() %}{{ loop.length }}{{ x }}{% endfor %}", "2('a', 1)2('b', [1, 2])"},
  });
  expect_refused({
      {"{% for x in l %}{{ loop.cycle() }}{% endfor %}", "line 1: no items for cycling given"},
      {"{% for a, b in l %}{% endfor %}", "line 1: expected something to walk over, found int"},
      {"{% for a, b in [[1, 2, 3]] %}{% endfor %}",
       "line 1: expected 2 values to unpack, found more"},
      {"{% for a, b in [[1]] %}{% endfor %}", "line 1: expected 2 values to unpack, found fewer"},
      {"{% for x in 5 %}{% endfor %}", "line 1: expected something to walk over, found int"},
  });
}

}  // namespace
}  // namespace llmos::jinja
