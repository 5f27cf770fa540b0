// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaCallable, BindsArguments) {
  expect_texts({
      {"s.replace('o', '0', 1)", "Hell0 World"},
      {"d.get('a')", "1"},
      {"d.get('x', 5)", "5"},
      {"s.split(sep='o')", "['Hell', ' W', 'rld']"},
      {"s.split(maxsplit=1)", "['Hello', 'World']"},
      {"range(3) | list", "[0, 1, 2]"},
      {"range(1, 7, 3) | list", "[1, 4]"},
      {"dict(a=1, b=2)", "{'a': 1, 'b': 2}"},
      {"[3, 1] | sort(reverse=true)", "[3, 1]"},
      {"3.14159 | round(precision=2)", "3.14"},
      {"'x' | default(default_value='y')", "x"},
      {"s | replace(old='l', new='L')", "HeLLo WorLd"},
      {"s | truncate(length=5, leeway=0)", "He..."},
      {"s.split(*['o'])", "['Hell', ' W', 'rld']"},
      {"s.split(**{'sep': 'o'})", "['Hell', ' W', 'rld']"},
      {"dict(**{'é': 1})", "{'é': 1}"},
  });
}

TEST(JinjaCallable, RefusesOthers) {
  expect_failures({
      {"s.upper(1)", "upper: expected at most 1 arguments, found 2"},
      {"s.replace('a')", "replace: the argument 'new' is missing"},
      {"d.get()", "get: the argument 'key' is missing"},
      {"d.get(1, 2, 3)", "get: expected at most 3 arguments, found 4"},
      {"s.strip(chars='a')", "strip: unexpected argument 'chars'"},
      {"s.split(nosuch=1)", "split: unexpected argument 'nosuch'"},
      {"range()", "range: the argument 'start' is missing"},
      {"range(1, 2, 3, 4)", "range: expected at most 3 arguments, found 4"},
      {"range(1, 5, 0)", "the step of a range must not be zero"},
      {"range('a')", "range: expected an integer, found str"},
      {"l | first(1)", "first: expected at most 1 arguments, found 2"},
      {"l | sort(nosuch=true)", "sort: unexpected argument 'nosuch'"},
      {"s.split('o', sep='o')", "split: unexpected argument 'sep'"},
      {"3()", "int cannot be called"},
      {"s()", "str cannot be called"},
      {"missing()", "'missing' is undefined"},
      {"none()", "NoneType cannot be called"},
      {"raise_exception()", "raise_exception: the argument 'message' is missing"},
  });
}

}  // namespace
}  // namespace llmos::jinja
