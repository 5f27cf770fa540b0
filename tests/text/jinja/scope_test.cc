// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaScope, BlocksHaveTheirOwnNames) {
  expect_rendered({
      {"{% set a = 1 %}{% for x in l %}{% set a = x %}{% endfor %}{{ a }}", "1"},
      {"{% set a = 1 %}{% if true %}{% set a = 2 %}{% endif %}{{ a }}", "2"},
      {"{% for x in [1] %}{% endfor %}{{ x }}", ""},
      {"{% for s in ['in'] %}{{ s }}{% endfor %}{{ s }}", "inHello World"},
      {"{% with a = 1 %}{% endwith %}{{ a is defined }}", "False"},
      {"{% set a = 1 %}{% filter upper %}{% set a = 2 %}{{ a }}{% endfilter %}{{ a }}", "21"},
      {"{% set a = 1 %}{% set b %}{% set a = 2 %}{{ a }}{% endset %}{{ a }}{{ b }}", "12"},
      {"{% for x in l %}{% if loop.first %}{% set a = x %}{% endif %}{{ a }}{% endfor %}", "3"},
      {"{% if false %}{% set s = 1 %}{% endif %}{{ s }}", "Hello World"},
      {"{% set x = 0 %}{% for x in l if x > 1 %}{{ x }}{% else %}{{ x }}{% endfor %}{{ x }}",
       "320"},
  });
}

TEST(JinjaScope, MacrosSeeWhereTheyStand) {
  expect_rendered({
      {"{% set a = 1 %}{% macro m() %}{{ a }}{% set a = 2 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}",
       "121"},
      {"{% macro m(a) %}{% macro n() %}{{ a }}{% endmacro %}{{ n() }}{% endmacro %}{{ m(7) }}",
       "7"},
      {"{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(3) }}", "3"},
      {"{{ m is defined }}{% macro m() %}x{% endmacro %}{{ m is defined }}", "FalseTrue"},
      {"{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "312"},
      {"{% macro m(s) %}{{ s }}{% endmacro %}{{ m('q') }}{{ s }}", "qHello World"},
  });
}

TEST(JinjaScope, NamespacesOutliveBlocks) {
  expect_rendered({
      {"{% set n = namespace(a=0) %}{% for x in l %}{% set n.a = n.a + x %}{% endfor %}{{ n.a }}",
       "6"},
      {"{% set n = namespace({'a': 1}, b=2) %}{{ n.a }}{{ n.b }}{{ n.c }}", "12"},
      {"{% set n = namespace() %}{% macro m(n) %}{% set n.x = 5 %}{% endmacro %}{{ m(n) }}{{ n.x "
       "}}",
       "5"},
      {"{% set n = namespace() %}{% set n.a, n.b = 1, 2 %}{{ n.a }}{{ n.b }}", "12"},
  });
  expect_refused({
      {"{% set n = 1 %}{% set n.a = 2 %}",
       "line 1: cannot assign to an attribute of 'n', which is no namespace"},
      {"{% set n.a = 2 %}", "line 1: cannot assign to an attribute of 'n', which is no namespace"},
      {"{% set d.a = 2 %}", "line 1: cannot assign to an attribute of 'd', which is no namespace"},
  });
}

TEST(JinjaScope, LooksForFiltersAndTestsBeforeItRuns) {
  expect_rendered({
      {"{% if false %}{{ x | nosuch }}{% endif %}x", "x"},
  });
  expect_refused({
      {"{% if true %}{{ x | nosuch }}{% endif %}", "line 1: there is no filter named 'nosuch'"},
      {"{{ x | nosuch }}", "line 1: there is no filter named 'nosuch'"},
      {"{% for a in [] %}{{ a is nosuch }}{% endfor %}", "line 1: there is no test named 'nosuch'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
