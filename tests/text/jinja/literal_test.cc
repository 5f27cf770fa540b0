// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaLiteral, ReadsNumbers) {
  expect_texts({
      {"0", "0"},
      {"1_000", "1000"},
      {"0x1F", "31"},
      {"0b101", "5"},
      {"0o17", "15"},
      {"1.5", "1.5"},
      {"1e3", "1000.0"},
      {"1E-3", "0.001"},
      {"1_0.5_0", "10.5"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"0.1", "0.1"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"1.0", "1.0"},
      {"1e400", "inf"},
      {"0.00001", "1e-05"},
      {"0.0001", "0.0001"},
      {"-0.0", "-0.0"},
      {"100000000000000000000.0", "1e+20"},
  });
}

TEST(JinjaLiteral, ReadsStrings) {
  expect_texts({
      {"'a'", "a"},
      {"\"a\"", "a"},
      {"'a\\'b'", "a'b"},
      {"'\\x41\\u00e9\\U0001F600'", "Aé😀"},
      {"'\\n\\t\\r\\\\' | length", "4"},
      {"'\\101\\0' | length", "2"},
      {"'\\q'", "\\q"},
      {"'a\\\nb'", "ab"},
      {"'é天😀'", "é天😀"},
      {"'{{ x }}'", "{{ x }}"},
      {"'%}'", "%}"},
  });
}

TEST(JinjaLiteral, RefusesOthers) {
  expect_failures({
      {"1__0", "expected }}, found '__0'"},
      {"0x", "expected }}, found 'x'"},
      {"1_", "expected }}, found '_'"},
      {"'a", "a string without its closing quote"},
      {"'\\x4'", "a truncated escape in a string"},
      {"'\\u12'", "a truncated escape in a string"},
      {"'\\U00110000'", "an escape beyond U+10FFFF"},
      {"08", "expected }}, found '8'"},
      {"0b2", "expected }}, found 'b2'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
