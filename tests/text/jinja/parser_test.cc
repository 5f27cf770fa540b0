// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaParser, ReadsStatements) {
  expect_rendered({
      {"{% if l %}a{% elif d %}b{% else %}c{% endif %}", "a"},
      {"{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
      {"{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"},
      {"{% set a = 1, 2 %}{{ a }}", "(1, 2)"},
      {"{% set a %}x{% endset %}{{ a }}", "x"},
      {"{% set a | upper | replace('X', 'Y') %}x{% endset %}{{ a }}", "Y"},
      {"{% filter upper | replace('A', 'b') %}a{% endfilter %}", "b"},
      {"{% with %}x{% endwith %}", "x"},
      {"{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "1"},
      {"{% for x in l if x > 1 recursive %}{{ x }}{% else %}{% endfor %}", "32"},
      {"{% macro m(a, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m(2,) }}", "21"},
      {"{% for x in 1, 2 %}{{ x }}{% endfor %}", "12"},
      {"{% for x in (1 if true else 2,) %}{{ x }}{% endfor %}", "1"},
      {"{{ 1, 2 }}{{ () }}", "(1, 2)()"},
      {"{% generation %}g{% endgeneration %}", "g"},
      {"{% if 1 is odd %}x{% endif -%} y", "xy"},
  });
}

TEST(JinjaParser, NamesTheLine) {
  expect_refused({
      {"\n\n{% if %}", "line 3: expected an expression, found %}"},
      {"a\n{% nosuch %}", "line 2: expected a known tag, found 'nosuch'"},
      {"{% if true %}\n\n", "line 2: expected {% endif %}, found the end of the template"},
      {"{% endif %}", "line 1: expected a known tag, found 'endif'"},
      {"{% for x in l %}{% endif %}", "line 1: expected a known tag or 'endfor', found 'endif'"},
      {"{% for %}", "line 1: expected a variable, found %}"},
      {"{% for x l %}", "line 1: expected 'in', found 'l'"},
      {"{% for 1 in l %}", "line 1: expected a variable to assign to, found another expression"},
      {"{% for x.y in l %}", "line 1: expected 'in', found '.'"},
      {"{% set %}", "line 1: expected a variable, found %}"},
      {"{% set x %}", "line 1: expected {% endset %}, found the end of the template"},
      {"{% set 1 = 2 %}", "line 1: expected a variable to assign to, found another expression"},
      {"{% set none = 2 %}", "line 1: expected a variable to assign to, found another expression"},
      {"{% set x.y.z = 1 %}", "line 1: expected %}, found '.'"},
      {"{% macro %}", "line 1: expected a name, found %}"},
      {"{% macro m %}", "line 1: expected '(', found %}"},
      {"{% macro m(a=1, b) %}{% endmacro %}", "line 1: expected a default for b, as before it"},
      {"{% macro m(1) %}{% endmacro %}", "line 1: expected a name, found '1'"},
      {"{% call %}x{% endcall %}", "line 1: expected an expression, found %}"},
      {"{% call 1 %}x{% endcall %}", "line 1: expected a call behind 'call'"},
      {"{% filter %}x{% endfilter %}", "line 1: expected a name, found %}"},
      {"{% with 1 = 2 %}{% endwith %}",
       "line 1: expected a variable to assign to, found another expression"},
      {"{% else %}", "line 1: expected a known tag, found 'else'"},
      {"{% if true %}{% else %}{% elif x %}{% endif %}",
       "line 1: expected a known tag or 'endif', found 'elif'"},
      {"{% break %}", "line 1: 'break' or 'continue' outside a loop"},
      {"{% if x %}{% continue %}{% endif %}", "line 1: 'break' or 'continue' outside a loop"},
      {"{% macro m() %}{% break %}{% endmacro %}", "line 1: 'break' or 'continue' outside a loop"},
      {"{% %}", "line 1: expected the name of a tag, found %}"},
      {"{% 1 %}", "line 1: expected the name of a tag, found '1'"},
      {"{{ }}", "line 1: expected an expression, found }}"},
      {"{% if true %}a{% endfor %}", "line 1: expected a known tag or 'endif', found 'endfor'"},
      {"{% raw x %}{% endraw %}", "line 1: expected a known tag, found 'raw'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
