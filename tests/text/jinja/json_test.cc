// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaJson, WritesAsTransformersDoes) {
  expect_texts({
      {"d | tojson", "{\"a\": 1, \"b\": [1, 2]}"},
      {"'é\"\\\\/\\n\\u0001' | tojson", "\"é\\\"\\\\/\\n\\u0001\""},
      {"'<&>' | tojson", "\"<&>\""},
      {"[1, 2.0, 1e100, -0.5, 1e-7, true, none] | tojson",
       "[1, 2.0, 1e+100, -0.5, 1e-07, true, null]"},
      {"(1, 2) | tojson", "[1, 2]"},
      {"{} | tojson", "{}"},
      {"[] | tojson", "[]"},
      {"{1: 2, none: 3, true: 4, 1.5: 6} | tojson", "{\"1\": 4, \"null\": 3, \"1.5\": 6}"},
      {"big | tojson", "9223372036854775808"},
      {"'\\u007f\\u2028' | tojson", "\"\177\u2028\""},
      {"range(0) | list | tojson", "[]"},
      {"1e400 | tojson", "Infinity"},
      {"-1e400 | tojson", "-Infinity"},
      {"'é😀' | tojson(ensure_ascii=true)", "\"\\u00e9\\ud83d\\ude00\""},
  });
}

TEST(JinjaJson, LaysOut) {
  expect_texts({
      {"d | tojson(indent=2)", "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ]\n}"},
      {"{'a': {}, 'b': []} | tojson(indent=1)", "{\n \"a\": {},\n \"b\": []\n}"},
      {"[[1]] | tojson(indent='\\t')", "[\n\t[\n\t\t1\n\t]\n]"},
      {"[1, 2] | tojson(indent=0)", "[\n1,\n2\n]"},
      {"{'b': 1, 'a': 2} | tojson(sort_keys=true)", "{\"a\": 2, \"b\": 1}"},
      {"{'b': [1, 2]} | tojson(separators=(',', ':'))", "{\"b\":[1,2]}"},
      {"{'b': [1]} | tojson(separators=('; ', ' = '), indent=2)", "{\n  \"b\" = [\n    1\n  ]\n}"},
      {"[] | tojson(indent=4)", "[]"},
  });
}

TEST(JinjaJson, RefusesWhatHasNoJson) {
  expect_failures({
      {"missing | tojson", "an object of type Undefined has no JSON"},
      {"s.upper | tojson", "an object of type function has no JSON"},
      {"(l | map('int')) | tojson", "an object of type generator has no JSON"},
      {"range(3) | tojson", "an object of type range has no JSON"},
      {"d.items() | tojson", "an object of type dict view has no JSON"},
      {"{(1,): 2} | tojson", "a key of type tuple has no JSON"},
      {"namespace() | tojson", "an object of type Namespace has no JSON"},
      {"[missing] | tojson", "an object of type Undefined has no JSON"},
      {"{'a': 1, 2: 3} | tojson(sort_keys=true)", "no order between int and str"},
  });
}

}  // namespace
}  // namespace llmos::jinja
