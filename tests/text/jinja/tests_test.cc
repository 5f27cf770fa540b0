// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaTests, KnowsKinds) {
  expect_texts({
      {"missing is defined", "False"},  {"s is defined", "True"},
      {"missing is undefined", "True"}, {"none is none", "True"},
      {"0 is none", "False"},           {"s is string", "True"},
      {"1 is string", "False"},         {"1 is number", "True"},
      {"true is number", "True"},       {"1 is integer", "True"},
      {"true is integer", "False"},     {"1.0 is float", "True"},
      {"1 is float", "False"},          {"true is boolean", "True"},
      {"1 is boolean", "False"},        {"d is mapping", "True"},
      {"l is mapping", "False"},        {"l is sequence", "True"},
      {"s is sequence", "True"},        {"d is sequence", "True"},
      {"1 is sequence", "False"},       {"range(3) is sequence", "True"},
      {"l is iterable", "True"},        {"1 is iterable", "False"},
      {"none is iterable", "False"},    {"s is iterable", "True"},
      {"s.upper is callable", "True"},  {"range is callable", "True"},
      {"1 is callable", "False"},       {"(l | map('int')) is iterable", "True"},
      {"missing is iterable", "True"},  {"missing is string", "False"},
  });
}

TEST(JinjaTests, ComparesValues) {
  expect_texts({
      {"1 is eq 1", "True"},      {"1 is equalto 1.0", "True"},  {"1 is ne 2", "True"},
      {"1 is lt 2", "True"},      {"2 is le 2", "True"},         {"3 is gt 2", "True"},
      {"3 is ge 4", "False"},     {"3 is lessthan 4", "True"},   {"4 is greaterthan 3", "True"},
      {"1 is sameas 1", "True"},  {"1 is sameas true", "False"}, {"none is sameas none", "True"},
      {"2 is in [1, 2]", "True"}, {"'a' is in 'cat'", "True"},   {"3 is not in [1]", "True"},
      {"true is true", "True"},   {"1 is true", "False"},        {"false is false", "True"},
      {"0 is false", "False"},
  });
}

TEST(JinjaTests, KnowsNumbersAndCase) {
  expect_texts({
      {"3 is odd", "True"},
      {"4 is even", "True"},
      {"-3 is odd", "True"},
      {"9 is divisibleby 3", "True"},
      {"9 is divisibleby(2)", "False"},
      {"'AB' is upper", "True"},
      {"'ab' is lower", "True"},
      {"'Ab' is upper", "False"},
      {"1 is upper", "False"},
      {"'x' is escaped", "False"},
      {"'upper' is filter", "True"},
      {"'nosuch' is filter", "False"},
      {"'odd' is test", "True"},
      {"'nosuch' is test", "False"},
  });
  expect_failures({
      {"'a' is odd", "more arguments than the format has places"},
      {"9 is divisibleby 0", "division by zero"},
      {"9 is divisibleby", "divisibleby: the argument 'num' is missing"},
      {"none is even", "no operation % between NoneType and int"},
  });
}

TEST(JinjaTests, RefusesUnknownTests) {
  expect_failures({
      {"1 is nosuch", "there is no test named 'nosuch'"},
      {"1 is not nosuch", "there is no test named 'nosuch'"},
      {"1 is odd 2 3", "expected }}, found '3'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
