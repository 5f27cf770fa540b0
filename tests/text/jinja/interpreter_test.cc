// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaInterpreter, RunsLoops) {
  expect_rendered({
      {"{% for x in l %}{{ x }},{% endfor %}", "3,1,2,"},
      {"{% for x in [] %}a{% else %}none{% endfor %}", "none"},
      {"{% for x in l if x > 5 %}a{% else %}none{% endfor %}", "none"},
      {"{% for x in missing %}a{% else %}none{% endfor %}", "none"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=[1, 2];"},
      {"{% for k in d %}{{ k }}{% endfor %}", "ab"},
      {"{% for c in 'añ' %}[{{ c }}]{% endfor %}", "[a][ñ]"},
      {"{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "32"},
      {"{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}no{% endfor %}", "3"},
      {"{% for x in l %}{% for y in ls %}{% if y == 'A' %}{% break %}{% endif %}{{ x }}{{ y }} {% "
       "endfor %}{% endfor %}",
       "3b 1b 2b "},
      {"{% for x in l %}{% set q = x %}{% endfor %}{{ q }}", ""},
      {"{% for a, b in [[1, 2], 'xy', (3, 4)] %}{{ a }}{{ b }}{% endfor %}", "12xy34"},
  });
}

TEST(JinjaInterpreter, RunsRecursiveLoops) {
  expect_rendered({
      {"{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is iterable else x }}{{ loop.depth "
       "}}{% endfor %}",
       "11223321"},
      {"{% for x in [[], [4]] recursive %}<{{ loop(x) if x is iterable else x }}>{% endfor %}",
       "<><<4>>"},
  });
  expect_refused({
      {"{% for x in [1] recursive %}{{ loop(x) }}{% endfor %}",
       "line 1: expected something to walk over, found int"},
      {"{% for x in [1] %}{{ loop(x) }}{% endfor %}",
       "line 1: only a loop marked 'recursive' can be called"},
  });
}

TEST(JinjaInterpreter, RunsMacros) {
  expect_rendered({
      {"{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m() }}|{{ m(1) }}|{{ m(1, 2) }}|{{ "
       "m(b=3) }}",
       "x|1x|12|3"},
      {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, a=3) }}",
       "(1, 2){'a': 3}"},
      {"{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}", "<x>"},
      {"{% macro m() %}<{{ caller(1, b=2) }}>{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% "
       "endcall %}",
       "<12>"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
       "3210"},
      {"{% macro m(a) %}x{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ "
       "m.catch_varargs }}{{ m.caller }}",
       "m('a',)FalseFalseFalse"},
      {"{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "False"},
      {"{% macro m() %} a {% endmacro %}{{ m() | trim | upper }}{{ m() is string }}", "ATrue"},
      {"{% set q = 1 %}{% macro m() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ m() }}", "2"},
  });
  expect_refused({
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
       "line 1: macro 'm' takes not more than 1 argument(s)"},
      {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}",
       "line 1: macro 'm' takes no keyword argument 'b'"},
      {"{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}",
       "line 1: macro 'm' takes no keyword argument 'a'"},
      {"{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
       "line 1: macro 'm' takes no keyword argument 'caller'"},
  });
}

TEST(JinjaInterpreter, RunsBlocks) {
  expect_rendered({
      {"{% set x %}a{{ 1 }}{% endset %}{{ x }}{{ x is string }}", "a1True"},
      {"{% filter upper %}a{{ 'b' }}{% endfilter %}c", "ABc"},
      {"{% with q = 1 %}{{ q }}{% set q = 2 %}{{ q }}{% endwith %}{{ q }}", "12"},
      {"{% generation %}{% set q = 5 %}{{ q }}{% endgeneration %}{{ q }}", "5"},
      {"{% if false %}a{% elif 0 %}b{% elif 'x' %}c{% else %}d{% endif %}", "c"},
      {"{% for x in l %}{% filter trim %} {{ x }} {% endfilter %}{% endfor %}", "312"},
  });
}

TEST(JinjaInterpreter, PrintsUndefinedAsNothing) {
  expect_rendered({
      {"[{{ missing }}]", "[]"},
      {"[{{ d.missing }}]", "[]"},
  });
  expect_refused({
      {"{{ missing.x }}", "line 1: 'missing' is undefined"},
      {"\n{{ l +\n1 }}", "line 2: no operation + between list and int"},
      {"{% for x in l %}\n{{ x.y.z }}{% endfor %}", "line 2: 'int object' has no attribute 'y'"},
  });
}

TEST(JinjaInterpreter, RaisesTheTemplatesOwnMessages) {
  expect_refused({
      {"{{ raise_exception('line 1: as it is\nzwölf') }}", "line 1: as it is\nzwölf"},
      {"{{ raise_exception(message='named') }}", "named"},
      {"{% if false %}{{ raise_exception('a') }}{% else %}{{ raise_exception('b' ~ 1) }}{% endif "
       "%}",
       "b1"},
  });
}

}  // namespace
}  // namespace llmos::jinja
