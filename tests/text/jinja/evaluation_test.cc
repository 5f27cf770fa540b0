// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaEvaluation, EvaluatesInOrderAndStopsEarly) {
  expect_texts({
      {"false and missing.x", "False"},
      {"true or missing.x", "True"},
      {"'' or 'b' or missing.x", "b"},
      {"1 and 2", "2"},
      {"0 or none", "None"},
      {"none or 0", "0"},
      {"not 1 == 2", "True"},
      {"'a' if true", "a"},
      {"'a' if false", ""},
      {"'a' if false else 'b'", "b"},
      {"('a' if false) is defined", "False"},
      {"1 if 0 else 2 if 0 else 3", "3"},
      {"1 > 2 < missing.x", "False"},
  });
  expect_failures({
      {"1 < 2 < missing.x", "'missing' is undefined"},
  });
}

TEST(JinjaEvaluation, MakesCollections) {
  expect_texts({
      {"[1, 'a', none]", "[1, 'a', None]"},
      {"[]", "[]"},
      {"()", "()"},
      {"(1,)", "(1,)"},
      {"(1, 2)", "(1, 2)"},
      {"1, 2", "(1, 2)"},
      {"{'a': 1, 2: [3]}", "{'a': 1, 2: [3]}"},
      {"{}", "{}"},
      {"{'a': 1, 'a': 2}", "{'a': 2}"},
      {"{1: 'a', true: 'b', 1.0: 'c'}", "{1: 'c'}"},
      {"[[], {}, ()]", "[[], {}, ()]"},
      {"{(1, 2): 3}", "{(1, 2): 3}"},
  });
  expect_failures({
      {"{[]: 1}", "expected a key, found list, which cannot be one"},
      {"{{}: 1}", "expected a key, found dict, which cannot be one"},
  });
}

TEST(JinjaEvaluation, Concatenates) {
  expect_texts({
      {"'a' ~ 1 ~ none ~ true ~ 2.0", "a1NoneTrue2.0"},
      {"s ~ missing", "Hello World"},
      {"[1] ~ {}", "[1]{}"},
      {"'' ~ ''", ""},
      {"1 ~ (2 + 3)", "15"},
      {"('a' | safe) ~ '<'", "a<"},
      {"'<' ~ ('<' | safe)", "<<"},
  });
}

}  // namespace
}  // namespace llmos::jinja
