// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaFiltersSelection, Selects) {
  expect_texts({
      {"range(6) | select('odd') | list", "[1, 3, 5]"},
      {"range(6) | reject('odd') | list", "[0, 2, 4]"},
      {"lm | select | list", "[1, 'a', 2.0]"},
      {"lm | reject | list", "[None, '']"},
      {"lm | select('string') | list", "['a', '']"},
      {"range(9) | select('divisibleby', 3) | list", "[0, 3, 6]"},
      {"range(9) | select('gt', 6) | list", "[7, 8]"},
      {"ls | select('in', ['a', 'c']) | list", "['c']"},
      {"[] | select('odd') | list", "[]"},
      {"d | select | list", "['a', 'b']"},
  });
}

TEST(JinjaFiltersSelection, SelectsByAttribute) {
  expect_texts({
      {"ld | selectattr('w') | list | length", "1"},
      {"ld | selectattr('k', 'equalto', 'x') | map(attribute='v') | list", "[1, 3]"},
      {"ld | rejectattr('v', 'gt', 1) | map(attribute='v') | list", "[1]"},
      {"ld | selectattr('w', 'undefined') | list | length", "2"},
      {"ld | rejectattr('w', 'defined') | list | length", "2"},
      {"ld | selectattr('k', 'in', 'xyz') | map(attribute='v') | join", "13"},
  });
}

TEST(JinjaFiltersSelection, Maps) {
  expect_texts({
      {"ls | map('upper') | list", "['B', 'A', 'C']"},
      {"[1, 2] | map('string') | join('+')", "1+2"},
      {"ls | map('replace', 'b', 'x') | list", "['x', 'A', 'c']"},
      {"[' a '] | map('trim') | list", "['a']"},
      {"ld | map(attribute='k') | join", "xYx"},
      {"ld | map(attribute='zz', default='-') | join", "---"},
      {"[[1, 2], [3]] | map('length') | list", "[2, 1]"},
      {"[[2, 1]] | map('sort') | list", "[[1, 2]]"},
      {"['a'] | map('default', 'x') | list", "['a']"},
      {"ls | map('indent', 2, first=true) | list", "['  b', '  A', '  c']"},
  });
}

TEST(JinjaFiltersSelection, WalksOnlyWhenAsked) {
  expect_texts({
      {"(['a'] | map('abs')) is defined", "True"},
      {"(missing | select('odd')) is defined", "True"},
  });
  expect_failures({
      {"['a'] | map('abs') | list", "abs: expected a number, found str"},
      {"ls | map | list", "map: expected a filter or an attribute"},
      {"ls | map('nosuch') | list", "there is no filter named 'nosuch'"},
      {"ls | select('nosuch') | list", "there is no test named 'nosuch'"},
      {"ls | map(attribute='k', nosuch=1) | list", "map: unexpected argument 'nosuch'"},
      {"7 | map('upper') | list", "expected something to walk over, found int"},
      {"ld | selectattr | list", "expected the name of an attribute"},
  });
}

}  // namespace
}  // namespace llmos::jinja
