// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaFiltersSequence, TakesItems) {
  expect_texts({
      {"l | first", "3"},
      {"l | last", "2"},
      {"[] | first", ""},
      {"[] | last", ""},
      {"s | first", "H"},
      {"'' | last", ""},
      {"d | first", "a"},
      {"l | min", "1"},
      {"l | max", "3"},
      {"[] | max", ""},
      {"['b', 'A'] | min", "A"},
      {"['b', 'A'] | min(case_sensitive=true)", "A"},
      {"ld | max(attribute='v')", "{'k': 'x', 'v': 3, 'w': {'q': 5}}"},
  });
  expect_failures({
      {"none | first", "expected something to walk over, found NoneType"},
      {"[1, 'a'] | min", "no order between str and int"},
      {"(l | map('int')) | last", "expected a sequence to reverse, found generator"},
  });
}

TEST(JinjaFiltersSequence, Sorts) {
  expect_texts({
      {"l | sort", "[1, 2, 3]"},
      {"ls | sort", "['A', 'b', 'c']"},
      {"ls | sort(case_sensitive=true)", "['A', 'b', 'c']"},
      {"l | sort(reverse=true)", "[3, 2, 1]"},
      {"ld | sort(attribute='k') | map(attribute='v') | list", "[1, 3, 2]"},
      {"ld | sort(attribute='k,v', reverse=true) | map(attribute='v') | list", "[2, 3, 1]"},
      {"[[2, 1], [1, 9]] | sort", "[[1, 9], [2, 1]]"},
      {"'hello' | sort", "['e', 'h', 'l', 'l', 'o']"},
      {"[true, 0, 2.5] | sort", "[0, True, 2.5]"},
      {"{'b': 1, 'a': 2} | sort", "['a', 'b']"},
  });
  expect_failures({
      {"[1, 'a'] | sort", "no order between str and int"},
      {"[none, 1] | sort", "no order between int and NoneType"},
  });
}

TEST(JinjaFiltersSequence, KeepsStableOrder) {
  expect_texts({
      {"ld | sort(attribute='k') | map(attribute='v') | join", "132"},
      {"['a', 'B', 'A', 'b'] | sort | join", "aABb"},
      {"['a', 'B', 'A', 'b'] | sort(reverse=true) | join", "BbaA"},
  });
}

TEST(JinjaFiltersSequence, FindsUniques) {
  expect_texts({
      {"['b', 'A', 'a', 'b'] | unique | list", "['b', 'A']"},
      {"['a', 'A'] | unique(true) | list", "['a', 'A']"},
      {"[1, 1.0, true, 2] | unique | list", "[1, 2]"},
      {"ld | unique(attribute='k') | map(attribute='v') | list", "[1, 2]"},
  });
  expect_failures({
      {"[[]] | unique | list", "expected a key, found list, which cannot be one"},
  });
}

TEST(JinjaFiltersSequence, Groups) {
  expect_texts({
      {"ld | groupby('k') | map('first') | list", "['x', 'Y']"},
      {"ld | groupby('k') | map('last') | map('length') | list", "[2, 1]"},
      {"(ld | groupby('k'))[1].grouper", "Y"},
      {"(ld | groupby('k'))[1].list | length", "1"},
      {"ld | groupby('w', default='none') | length if false else 'x'", "x"},
      {"ld | groupby('zz', default=0) | map('first') | list", "[0]"},
  });
}

TEST(JinjaFiltersSequence, BatchesAndSlices) {
  expect_texts({
      {"range(5) | batch(2) | list", "[[0, 1], [2, 3], [4]]"},
      {"range(5) | batch(2, 0) | list", "[[0, 1], [2, 3], [4, 0]]"},
      {"range(7) | slice(3) | list", "[[0, 1, 2], [3, 4], [5, 6]]"},
      {"range(7) | slice(3, 'x') | list", "[[0, 1, 2], [3, 4, 'x'], [5, 6, 'x']]"},
      {"[] | batch(3) | list", "[]"},
      {"[] | slice(2) | list", "[[], []]"},
      {"[1] | slice(3, 0) | list", "[[1], [0], [0]]"},
  });
  expect_failures({
      {"l | slice(0) | list", "division by zero"},
  });
}

TEST(JinjaFiltersSequence, Reverses) {
  expect_texts({
      {"l | reverse | list", "[2, 1, 3]"},
      {"s | reverse", "dlroW olleH"},
      {"'añ😀' | reverse", "😀ña"},
      {"(1, 2) | reverse | list", "[2, 1]"},
      {"range(3) | reverse | list", "[2, 1, 0]"},
      {"d | reverse | list", "['b', 'a']"},
  });
  expect_failures({
      {"7 | reverse", "expected something to walk over, found int"},
  });
}

TEST(JinjaFiltersSequence, Joins) {
  expect_texts({
      {"l | join", "312"},
      {"l | join(', ')", "3, 1, 2"},
      {"s | join('-')", "H-e-l-l-o- -W-o-r-l-d"},
      {"ld | join('/', attribute='k')", "x/Y/x"},
      {"[none, 1.5, true] | join(' ')", "None 1.5 True"},
      {"[] | join('x')", ""},
      {"['<', '>' | safe] | join", "<>"},
      {"d | join", "ab"},
  });
  expect_failures({
      {"7 | join", "expected something to walk over, found int"},
  });
}

TEST(JinjaFiltersSequence, ListsDicts) {
  expect_texts({
      {"{'b': 1, 'a': 2} | dictsort", "[('a', 2), ('b', 1)]"},
      {"{'b': 1, 'A': 2} | dictsort(true)", "[('A', 2), ('b', 1)]"},
      {"{'b': 1, 'a': 2} | dictsort(by='value')", "[('b', 1), ('a', 2)]"},
      {"{'b': 1, 'a': 2} | dictsort(false, 'key', true)", "[('b', 1), ('a', 2)]"},
      {"d | items | list", "[('a', 1), ('b', [1, 2])]"},
      {"missing | items | list", "[]"},
      {"'ab' | list", "['a', 'b']"},
      {"d | list", "['a', 'b']"},
      {"range(3) | list", "[0, 1, 2]"},
  });
  expect_failures({
      {"l | items | list", "items: expected a dict"},
      {"l | dictsort", "dictsort: expected a dict, found list"},
      {"{1: 1, 'a': 2} | dictsort", "no order between str and int"},
      {"d | dictsort(by='nosuch')", "dictsort: expected by 'key' or 'value'"},
      {"7 | list", "expected something to walk over, found int"},
  });
}

}  // namespace
}  // namespace llmos::jinja
