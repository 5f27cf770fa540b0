// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaAttributes, ReadsAttributesAndKeys) {
  expect_texts({
      {"d.a", "1"},           {"d['a']", "1"},
      {"d.missing", ""},      {"d['missing']", ""},
      {"d.a.b", ""},          {"ld[0].k", "x"},
      {"ld[0]['k']", "x"},    {"l[0]", "3"},
      {"l[-1]", "2"},         {"l[7]", ""},
      {"l['0']", ""},         {"'añb'[1]", "ñ"},
      {"'añb'[-1]", "b"},     {"(1, 2)[1]", "2"},
      {"d[none]", ""},        {"{1: 'x'}[true]", "x"},
      {"{1: 'x'}[1.0]", "x"}, {"range(5)[2]", "2"},
      {"range(5)[-1]", "4"},  {"loop is defined", "False"},
  });
}

TEST(JinjaAttributes, MethodsComeBehindADotKeysInBrackets) {
  expect_texts({
      {"d.items is callable", "True"},
      {"own.items is callable", "True"},
      {"own['items']", "mine"},
      {"own.get('items')", "mine"},
      {"own.keys is callable", "True"},
      {"own['keys'] is defined", "True"},
      {"d.get is callable", "True"},
  });
}

TEST(JinjaAttributes, HidesWhatIsPrivateOrWouldChange) {
  expect_texts({
      {"d.__class__", ""},
      {"d['__class__']", ""},
      {"s.__len__ is defined", "False"},
      {"s._x", ""},
  });
  expect_failures({
      {"l.append(1)", "access to attribute 'append' of 'list' object is unsafe."},
      {"d.update({})", "access to attribute 'update' of 'dict' object is unsafe."},
      {"d.pop('a')", "access to attribute 'pop' of 'dict' object is unsafe."},
      {"l.sort()", "access to attribute 'sort' of 'list' object is unsafe."},
      {"l.clear()", "access to attribute 'clear' of 'list' object is unsafe."},
      {"d.setdefault('q', 1)", "access to attribute 'setdefault' of 'dict' object is unsafe."},
  });
}

TEST(JinjaAttributes, FailsOnUndefinedOwners) {
  expect_texts({
      {"missing is undefined", "True"},
      {"d.nothing is undefined", "True"},
  });
  expect_failures({
      {"missing.x", "'missing' is undefined"},
      {"missing['x']", "'missing' is undefined"},
      {"d.nothing.more", "'dict object' has no attribute 'nothing'"},
      {"none.x.y", "None has no attribute 'x'"},
      {"l[9].x", "list object has no element 9"},
      {"s.nothing.more", "'str object' has no attribute 'nothing'"},
  });
}

TEST(JinjaAttributes, Slices) {
  expect_texts({
      {"l[1:]", "[1, 2]"},
      {"l[:-1]", "[3, 1]"},
      {"l[::2]", "[3, 2]"},
      {"l[::-1]", "[2, 1, 3]"},
      {"l[5:]", "[]"},
      {"l[-2:]", "[1, 2]"},
      {"l[2:1]", "[]"},
      {"l[:none]", "[3, 1, 2]"},
      {"s[1:4]", "ell"},
      {"'añ天😀'[1:3]", "ñ天"},
      {"'añ天😀'[::-1]", "😀天ña"},
      {"s[-3:]", "rld"},
      {"s[::-2]", "drWolH"},
      {"(1, 2, 3)[1:]", "(2, 3)"},
      {"range(10)[2:8:3] | list", "[2, 5]"},
      {"range(10)[::-3] | list", "[9, 6, 3, 0]"},
      {"l[-100:100]", "[3, 1, 2]"},
      {"s[1:2:none]", "e"},
  });
  expect_failures({
      {"l[::0]", "the step of a slice must not be zero"},
      {"l['a':]", "a slice: expected an integer, found str"},
      {"7[missing:]", "no slice of int"},
      {"d[1:]", "no slice of dict"},
  });
}

TEST(JinjaAttributes, FollowsPaths) {
  expect_texts({
      {"ld | map(attribute='w.q', default=0) | list", "[0, 0, 5]"},
      {"[[1, 2], [3, 4]] | map(attribute=1) | list", "[2, 4]"},
      {"[[1, 2], [3, 4]] | map(attribute='1') | list", "[2, 4]"},
      {"ld | sum(attribute='v')", "6"},
      {"ld | map(attribute='none') | list", "[Undefined, Undefined, Undefined]"},
  });
  expect_failures({
      {"ld | map(attribute='w.q') | list", "'dict object' has no attribute 'w'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
