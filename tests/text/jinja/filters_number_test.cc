// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaFiltersNumber, Converts) {
  expect_texts({
      {"'12' | int", "12"},
      {"' 12 ' | int", "12"},
      {"'x' | int", "0"},
      {"'x' | int(7)", "7"},
      {"'0x1f' | int(0, 16)", "31"},
      {"'ff' | int(0, 16)", "255"},
      {"'101' | int(base=2)", "5"},
      {"3.9 | int", "3"},
      {"-3.9 | int", "-3"},
      {"'3.9' | int", "3"},
      {"'1e3' | int", "1000"},
      {"none | int", "0"},
      {"[] | int(4)", "4"},
      {"true | int", "1"},
      {"'1_000' | int", "1000"},
      {"'٣' | int", "3"},
      {"'3.5' | float", "3.5"},
      {"'x' | float", "0.0"},
      {"'x' | float(1.5)", "1.5"},
      {"'inf' | float", "inf"},
      {"'-1e-5' | float", "-1e-05"},
      {"7 | float", "7.0"},
      {"none | float(2)", "2"},
      {"'nan' | int", "0"},
  });
  expect_failures({
      {"missing | int", "'missing' is undefined"},
  });
}

TEST(JinjaFiltersNumber, Rounds) {
  expect_texts({
      {"2.5 | round", "2.0"},
      {"3.5 | round", "4.0"},
      {"-2.5 | round", "-2.0"},
      {"2.675 | round(2)", "2.67"},
      {"1234 | round(-2)", "1200"},
      {"1.1 | round(0, 'ceil')", "2.0"},
      {"1.9 | round(0, 'floor')", "1.0"},
      {"-1.5 | round(method='ceil')", "-1.0"},
      {"7 | round", "7"},
      {"1e300 | round(2)", "1e+300"},
      {"3.14159 | round(3)", "3.142"},
  });
  expect_failures({
      {"1 | round(0, 'up')", "round: expected the method common, ceil or floor"},
      {"'a' | round", "round: expected a number, found str"},
  });
}

TEST(JinjaFiltersNumber, TakesAbsolutes) {
  expect_texts({
      {"-3 | abs", "3"},
      {"-0.5 | abs", "0.5"},
      {"true | abs", "1"},
  });
  expect_failures({
      {"'a' | abs", "abs: expected a number, found str"},
      {"none | abs", "abs: expected a number, found NoneType"},
  });
}

TEST(JinjaFiltersNumber, Sums) {
  expect_texts({
      {"[1, 2, 3] | sum", "6"},
      {"[] | sum", "0"},
      {"[0.1, 0.2] | sum", "0.30000000000000004"},
      {"ld | sum(attribute='v')", "6"},
      {"[1] | sum(start=10)", "11"},
      {"[[1], [2]] | sum(start=[])", "[1, 2]"},
  });
  expect_failures({
      {"['a'] | sum", "no operation + between int and str"},
      {"7 | sum", "expected something to walk over, found int"},
  });
}

}  // namespace
}  // namespace llmos::jinja
