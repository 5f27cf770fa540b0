// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaExpression, KeepsPrecedence) {
  expect_texts({
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"2 ** 3 ** 2", "64"},
      {"-2 ** 2", "4"},
      {"-2 | abs", "2"},
      {"2 * -3", "-6"},
      {"10 - 3 - 2", "5"},
      {"100 / 10 / 2", "5.0"},
      {"7 // 2 * 2", "6"},
      {"1 ~ 2 * 3", "16"},
      {"not true == false", "True"},
      {"1 == 1 and 2 == 2", "True"},
      {"1 in [1] == true", "False"},
      {"not 1 in [2]", "True"},
      {"1 not in [2]", "True"},
      {"1 + 1 is odd", "2"},
      {"(1 + 1) is odd", "False"},
      {"not 3 is odd", "False"},
      {"3 is not odd", "False"},
      {"1 | string ~ 'x'", "1x"},
      {"'a' 'b' 'c'", "abc"},
      {"true and false or true", "True"},
      {"2 if 1 > 2 else 3 + 4", "7"},
      {"5 % 3 * 2", "4"},
      {"-1 ** 2 + 3", "4"},
      {"1 < 2 | int", "True"},
      {"[1, 2][0] + 1", "2"},
      {"{'a': 1}.a", "1"},
      {"'x'.upper() | lower", "x"},
      {"(1, 2)[0]", "1"},
      {"3 is divisibleby 3 and true", "True"},
      {"4 is in [4] and 1", "1"},
      {"true | string | length", "4"},
  });
  expect_failures({
      {"'a' ~ 1 + 2", "no operation + between str and int"},
  });
}

TEST(JinjaExpression, KnowsItsWords) {
  expect_texts({
      {"true", "True"},
      {"True", "True"},
      {"false", "False"},
      {"False", "False"},
      {"none", "None"},
      {"None", "None"},
      {"none is none", "True"},
      {"not none", "True"},
      {"'true' == true", "False"},
  });
}

TEST(JinjaExpression, AllowsTrailingCommas) {
  expect_texts({
      {"[1, 2,]", "[1, 2]"},
      {"{'a': 1,}", "{'a': 1}"},
      {"(1, 2,)", "(1, 2)"},
      {"range(3,) | list", "[0, 1, 2]"},
  });
}

TEST(JinjaExpression, RefusesWhatIsNoExpression) {
  expect_failures({
      {"1 +", "expected an expression, found }}"},
      {"(1", "unexpected '}'"},
      {"[1", "unexpected '}'"},
      {"{1: 2", "unexpected '}'"},
      {"{1}", "expected ':', found '}'"},
      {"1 2", "expected }}, found '2'"},
      {"a b", "expected }}, found 'b'"},
      {".x", "expected an expression, found '.'"},
      {"x.", "expected a name or a number, found }}"},
      {"x|", "expected a name, found }}"},
      {"x is", "expected a name, found }}"},
      {"f(a=1, 2)", "arguments of a call in an order that is not allowed"},
      {"f(a=1, a=2)", "the argument a twice"},
      {"x[", "unexpected '}'"},
      {"x[]", "'x' is undefined"},
      {"x[:", "unexpected '}'"},
      {"1 = 2", "expected }}, found '='"},
      {"'a", "a string without its closing quote"},
      {"$", "unexpected character '$'"},
      {"a ? b : c", "unexpected character '?'"},
      {"a && b", "unexpected character '&'"},
      {"lambda x: x", "expected }}, found 'x'"},
      {"x if", "expected an expression, found }}"},
      {"*l", "expected an expression, found '*'"},
      {"not", "expected an expression, found }}"},
      {"x..y", "expected a name or a number, found '.'"},
      {"x.1.2.", "expected a name or a number, found }}"},
      {"f(**d, 1)", "arguments of a call in an order that is not allowed"},
      {"a := 1", "expected }}, found ':'"},
      {"{'a' 1}", "expected ':', found '1'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
