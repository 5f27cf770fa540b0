// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaFormat, FormatsAsPython) {
  expect_texts({
      {"'%s' % 'a'", "a"},
      {"'%s %s' % (1, 'b')", "1 b"},
      {"'%d' % 3.9", "3"},
      {"'%i' % true", "1"},
      {"'%5d|%-5d|%05d|%+d|% d' % (3, 3, 3, 3, 3)", "    3|3    |00003|+3| 3"},
      {"'%x %X %#x %o %#o' % (255, 255, 255, 8, 8)", "ff FF 0xff 10 0o10"},
      {"'%f %.2f %.0f %8.3f %-8.1f|' % (1, 2.345, 2.5, 3.14159, 2)",
       "1.000000 2.35 2    3.142 2.0     |"},
      {"'%e %.1E %g %G %g' % (12345.678, 0.00012, 0.0001, 1e20, 100000)",
       "1.234568e+04 1.2E-04 0.0001 1E+20 100000"},
      {"'%c%c' % ('é', 65)", "éA"},
      {"'%r' % 'a\\'b'", "\"a'b\""},
      {"'%a' % 'é天😀\\n'", "'\\xe9\\u5929\\U0001f600\\n'"},
      {"'%10s|%-10s|%.2s' % ('é', 'é', 'añb')", "         é|é         |añ"},
      {"'%%' % ()", "%"},
      {"'%(a)s %(b)05.1f' % {'a': 'x', 'b': 2}", "x 002.0"},
      {"'%s' % none", "None"},
      {"'%s' % [1]", "[1]"},
      {"'%*d|%-*d|%.*f' % (5, 3, 4, 7, 2, 1.239)", "    3|7   |1.24"},
      {"'%s' % {'a': 1}", "{'a': 1}"},
      {"'%d' % -7", "-7"},
      {"'%03d' % -7", "-07"},
      {"'%.3d' % 7", "007"},
      {"'%x' % -255", "-ff"},
      {"'%s' % missing", ""},
      {"'%.5s' % 'Grüße!'", "Grüße"},
      {"'%f' % 1e400", "inf"},
      {"'%s' | format('x')", "x"},
      {"'%(k)s' | format(k='v')", "v"},
      {"'x' % {}", "x"},
  });
}

TEST(JinjaFormat, RefusesWhatDoesNotFit) {
  expect_failures({
      {"'%d' % 'a'", "the format needs a number, found str"},
      {"'%s %s' % 'a'", "fewer arguments than the format has places"},
      {"'%s' % (1, 2)", "more arguments than the format has places"},
      {"'%q' % 1", "an unknown letter behind % in a format"},
      {"'%' % 1", "an incomplete format"},
      {"'%(a)s' % 1", "the format needs a dict"},
      {"'%(a)s' % {}", "the format names a key that is not there"},
      {"'%(a' % {}", "an incomplete format"},
      {"'%c' % 'ab'", "%c needs a character"},
      {"'%c' % -1", "%c needs a character"},
      {"'a' % 1", "more arguments than the format has places"},
      {"'%x' % 1.5", "the format needs a number, found float"},
      {"'%*d' % ('a', 1)", "a width: expected an integer, found str"},
      {"'%d' % none", "the format needs a number, found NoneType"},
  });
}

}  // namespace
}  // namespace llmos::jinja
