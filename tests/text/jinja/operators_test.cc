// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaOperators, ComputesWithIntegers) {
  expect_texts({
      {"7 + 3", "10"},
      {"7 - 10", "-3"},
      {"6 * 7", "42"},
      {"7 / 2", "3.5"},
      {"6 / 2", "3.0"},
      {"7 // 2", "3"},
      {"-7 // 2", "-4"},
      {"7 // -2", "-4"},
      {"7 % 3", "1"},
      {"-7 % 3", "2"},
      {"7 % -3", "-2"},
      {"2 ** 10", "1024"},
      {"2 ** -1", "0.5"},
      {"2 ** 0", "1"},
      {"0 ** 0", "1"},
      {"true + true", "2"},
      {"+true", "1"},
      {"-true", "-1"},
      {"+7", "7"},
      {"- -7", "7"},
      {"9223372036854775807 + 1", "9223372036854775808"},
      {"big * 2", "18446744073709551616"},
      {"-big - 1", "-9223372036854775809"},
      {"10 ** 30", "1000000000000000000000000000000"},
  });
}

TEST(JinjaOperators, ComputesWithFloats) {
  expect_texts({
      {"0.1 + 0.2", "0.30000000000000004"},
      {"1.5 * 2", "3.0"},
      {"7.5 // 2", "3.0"},
      {"-7.5 // 2", "-4.0"},
      {"7.5 % 2", "1.5"},
      {"-7.5 % 2", "0.5"},
      {"7.5 % -2", "-0.5"},
      {"2.0 ** 0.5", "1.4142135623730951"},
      {"1 / 3", "0.3333333333333333"},
      {"1e308 * 10", "inf"},
      {"-1e308 * 10", "-inf"},
      {"1 + 1.0", "2.0"},
      {"2 ** 0.5", "1.4142135623730951"},
      {"5 // 0.3", "16.0"},
      {"-0.0 + 0", "0.0"},
      {"1e22", "1e+22"},
      {"1e21 + 1", "1e+21"},
      {"9007199254740993 + 0.0", "9007199254740992.0"},
      {"3.0 // 1", "3.0"},
  });
}

TEST(JinjaOperators, JoinsAndRepeats) {
  expect_texts({
      {"'a' + 'b'", "ab"},
      {"'ab' * 3", "ababab"},
      {"3 * 'ab'", "ababab"},
      {"'a' * -1", ""},
      {"[1] + [2]", "[1, 2]"},
      {"[0] * 3", "[0, 0, 0]"},
      {"(1,) + (2,)", "(1, 2)"},
      {"2 * (1, 2)", "(1, 2, 1, 2)"},
      {"'a' * true", "a"},
      {"[] * 5", "[]"},
  });
}

TEST(JinjaOperators, RefusesWhatDoesNotFit) {
  expect_failures({
      {"1 + 'a'", "no operation + between int and str"},
      {"'a' + 1", "no operation + between str and int"},
      {"none + 1", "no operation + between NoneType and int"},
      {"[1] + (2,)", "no operation + between list and tuple"},
      {"1 / 0", "division by zero"},
      {"1 // 0", "division by zero"},
      {"1 % 0", "division by zero"},
      {"1.0 / 0", "division by zero"},
      {"0 ** -1", "division by zero"},
      {"'a' - 'b'", "no operation - between str and str"},
      {"'a' * 'b'", "no operation * between str and str"},
      {"'a' * 1.5", "no operation * between str and float"},
      {"-'a'", "no negative of str"},
      {"{} + {}", "no operation + between dict and dict"},
      {"missing + 1", "'missing' is undefined"},
      {"1 + missing", "'missing' is undefined"},
      {"-missing", "'missing' is undefined"},
      {"10.0 ** 400", "the result of ** is too large"},
      {"'a' / 2", "no operation / between str and int"},
      {"[] - []", "no operation - between list and list"},
  });
}

}  // namespace
}  // namespace llmos::jinja
