// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaFiltersText, ChangesCase) {
  expect_texts({
      {"s | upper", "HELLO WORLD"},
      {"s | lower", "hello world"},
      {"'hELLO wORLD' | capitalize", "Hello world"},
      {"'hello wORLD-x (y)' | title", "Hello World-X (Y)"},
      {"\"they're o'neil's\" | title", "They're O'neil's"},
      {"'ß' | upper", "SS"},
      {"7 | upper", "7"},
      {"none | lower", "none"},
      {"'ÉA' | capitalize", "Éa"},
  });
}

TEST(JinjaFiltersText, Trims) {
  expect_texts({
      {"'  a ' | trim", "a"},
      {"'xxaxx' | trim('x')", "a"},
      {"'\\t\\n a\\u00a0' | trim", "a"},
      {"7 | trim", "7"},
      {"'abcba' | trim('ab')", "c"},
  });
}

TEST(JinjaFiltersText, Replaces) {
  expect_texts({
      {"s | replace('l', 'L')", "HeLLo WorLd"},
      {"s | replace('l', 'L', 1)", "HeLlo World"},
      {"s | replace('', '.')", ".H.e.l.l.o. .W.o.r.l.d."},
      {"'aaa' | replace('aa', 'b')", "ba"},
      {"123 | replace(2, 'x')", "1x3"},
      {"'a' | replace('b', '')", "a"},
  });
}

TEST(JinjaFiltersText, Indents) {
  expect_texts({
      {"'a\\nb\\n\\nc' | indent", "a\n    b\n\n    c"},
      {"'a\\nb' | indent(2)", "a\n  b"},
      {"'a\\nb' | indent(2, true)", "  a\n  b"},
      {"'a\\n\\nb' | indent(2, blank=true)", "a\n  \n  b"},
      {"'a\\nb' | indent('> ')", "a\n> b"},
      {"'' | indent(2, true)", "  "},
      {"'a\\n' | indent", "a\n"},
  });
}

TEST(JinjaFiltersText, Truncates) {
  expect_texts({
      {"'hello big world' | truncate(10)", "hello big world"},
      {"'hello big world' | truncate(10, true)", "hello big world"},
      {"'hello big world' | truncate(9, false, '…', 0)", "hello…"},
      {"'hello' | truncate(5)", "hello"},
      {"'hello big' | truncate(5)", "hello big"},
      {"'hello world' | truncate(5, true, '!', 0)", "hell!"},
  });
  expect_failures({
      {"'hello world' | truncate(2)", "truncate: a length below that of its end"},
  });
}

TEST(JinjaFiltersText, Centers) {
  expect_texts({
      {"'ab' | center(6)", "  ab  "},
      {"'abc' | center(6)", " abc  "},
      {"'ab' | center(1)", "ab"},
      {"'é' | center(3)", " é "},
      {"'x' | center | length", "80"},
  });
}

TEST(JinjaFiltersText, CountsWords) {
  expect_texts({
      {"'a b  c' | wordcount", "3"},
      {"\"it's 天気 😀\" | wordcount", "3"},
      {"'' | wordcount", "0"},
  });
}

TEST(JinjaFiltersText, Defaults) {
  expect_texts({
      {"missing | default('D')", "D"},
      {"missing | d", ""},
      {"none | default('D')", "None"},
      {"none | default('D', true)", "D"},
      {"'' | default('D', true)", "D"},
      {"0 | default('D', boolean=true)", "D"},
      {"d.zz | default('D')", "D"},
      {"d.zz.yy | default('D') if false else 'x'", "x"},
  });
  expect_failures({
      {"missing.x | default('D')", "'missing' is undefined"},
  });
}

TEST(JinjaFiltersText, TurnsIntoText) {
  expect_texts({
      {"7 | string", "7"},
      {"none | string", "None"},
      {"[1, 'a'] | string", "[1, 'a']"},
      {"missing | string", ""},
      {"1.0 | string", "1.0"},
      {"true | string", "True"},
  });
}

TEST(JinjaFiltersText, Attributes) {
  expect_texts({
      {"d | attr('a')", ""},
      {"s | attr('upper') is callable", "True"},
      {"s | attr('nosuch')", ""},
      {"ld[0] | attr('k')", ""},
  });
}

TEST(JinjaFiltersText, RefusesUnknownFilters) {
  expect_texts({
      {"false and (1 | upper)", "False"},
  });
  expect_failures({
      {"1 | nosuch", "there is no filter named 'nosuch'"},
      {"1 | upper.x", "there is no filter named 'upper.x'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
