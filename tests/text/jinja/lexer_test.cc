// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaLexer, TrimsBlocksAndIndentation) {
  expect_rendered({
      {"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
      {"  {{ 1 }}  \n\n", "  1  \n"},
      {"a {% if true %} b {% endif %} c", "a  b  c"},
      {"\n{# c #}\n x", "\n x"},
      {"{% if true %}\n\nx{% endif %}", "\nx"},
      {"x\n\n", "x\n"},
      {"x\r\ny\rz", "x\ny\nz"},
      {"  {% if true %}\t\n x{% endif %}", "\t\n x"},
      {"é\n  {# ä #}\nö", "é\nö"},
      {"a {# x\n y #} b", "a  b"},
  });
}

TEST(JinjaLexer, MindsDashesAndPluses) {
  expect_rendered({
      {"a  {%- if true -%}  b  {%- endif -%}  c", "abc"},
      {"a\n  {%+ if true +%}\n b{% endif %}", "a\n  \n b"},
      {"a {{- 1 -}} b", "a1b"},
      {"a {#- x -#} b", "ab"},
      {"{{ 1 -}}\n\n x", "1x"},
      {"a\n\n{{- 1 }}", "a1"},
      {"a {%- if true +%}\nb{%- endif %}", "a\nb"},
      {"{{ -1 }}{{--1}}{{- -1 -}}", "-1-1-1"},
      {"a  {#+ x +#}\nb", "a  \nb"},
  });
}

TEST(JinjaLexer, KeepsRawText) {
  expect_rendered({
      {"{% raw %}{{ x }}{% y %}{# z #}{% endraw %}", "{{ x }}{% y %}{# z #}"},
      {"a {%- raw -%}  b  {%- endraw -%}  c", "abc"},
      {"{% raw %}{% raw %}{% endraw %}", "{% raw %}"},
      {"  {% raw %}\n x{% endraw %}\ny", "\n xy"},
      {"{%raw%}{{{%endraw%}", "{{"},
  });
}

TEST(JinjaLexer, FindsTheEndsOfTags) {
  expect_rendered({
      {"{{ '}}' }}{{ \"%}\" }}", "}}%}"},
      {"{{ {'a': {'b': 1}} }}", "{'a': {'b': 1}}"},
      {"{{ {'a': {'b': 1}}['a']['b']}}", "1"},
      {"{ {x} } %} }} #}", "{ {x} } %} }} #}"},
      {"{%if true%}a{%endif%}", "a"},
      {"{{1}}{{'a'}}", "1a"},
      {"{# {{ #}x", "x"},
      {"{{ (1,\n 2) }}", "(1, 2)"},
      {"{{'a'~'b'}}{{1>2}}{{1!=2}}", "abFalseTrue"},
  });
}

TEST(JinjaLexer, RefusesWhatDoesNotEnd) {
  expect_refused({
      {"a\nb {{ x", "line 2: expected }}, found the end of the template"},
      {"{% if", "line 1: expected an expression, found the end of the template"},
      {"{# a", "line 1: expected #}, found the end of the template"},
      {"{% raw %} x", "line 1: expected {% endraw %}, found the end of the template"},
      {"{{ 'a }}", "line 1: a string without its closing quote"},
      {"{{ [1 }}", "line 1: unexpected '}'"},
      {"{{ (] }}", "line 1: unexpected ']'"},
      {"{{ } }}", "line 1: unexpected '}'"},
      {"{{ a ; b }}", "line 1: expected }}, found ';'"},
      {"{% if true %}\n{{ \\ }}", "line 2: unexpected character '\\'"},
      {"{{ ? }}", "line 1: unexpected character '?'"},
      {"{{ 'a' }", "line 1: unexpected '}'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
