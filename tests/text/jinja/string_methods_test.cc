// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaStringMethods, Strips) {
  expect_texts({
      {"'  a '.strip()", "a"},
      {"'xxaxx'.strip('x')", "a"},
      {"'abcba'.lstrip('ab')", "cba"},
      {"' a '.rstrip()", " a"},
      {"'\\u3000a\\u00a0'.strip()", "a"},
      {"'a'.strip('')", "a"},
      {"'éaé'.strip('é')", "a"},
  });
}

TEST(JinjaStringMethods, Splits) {
  expect_texts({
      {"'a b  c'.split()", "['a', 'b', 'c']"},
      {"'a,b,,c'.split(',')", "['a', 'b', '', 'c']"},
      {"'a b c'.split(None, 1)", "['a', 'b c']"},
      {"'a b c'.rsplit(' ', 1)", "['a b', 'c']"},
      {"''.split()", "[]"},
      {"''.split(',')", "['']"},
      {"'a<>b'.split('<>')", "['a', 'b']"},
      {"'aXbXc'.split('X', 1)", "['a', 'bXc']"},
      {"' a b '.rsplit()", "['a', 'b']"},
      {"' a b c '.split(none, 1)", "['a', 'b c ']"},
      {"'a\\nb\\r\\nc\\u2028d'.splitlines()", "['a', 'b', 'c', 'd']"},
      {"'a\\nb\\n'.splitlines(true)", "['a\\n', 'b\\n']"},
      {"'k=v=w'.partition('=')", "('k', '=', 'v=w')"},
      {"'k=v=w'.rpartition('=')", "('k=v', '=', 'w')"},
      {"'k'.partition('=')", "('k', '', '')"},
  });
  expect_failures({
      {"'a'.split('')", "split: an empty separator"},
      {"'a'.partition('')", "partition: an empty separator"},
      {"'a'.split(1)", "split: expected a string, found int"},
  });
}

TEST(JinjaStringMethods, Finds) {
  expect_texts({
      {"s.find('o')", "4"},
      {"s.rfind('o')", "7"},
      {"s.find('zz')", "-1"},
      {"s.find('o', 5)", "7"},
      {"s.find('o', 0, 3)", "-1"},
      {"u.find('天')", "7"},
      {"s.index('W')", "6"},
      {"s.count('l')", "3"},
      {"''.count('')", "1"},
      {"'aaa'.count('aa')", "1"},
      {"'aé'.count('')", "3"},
      {"s.find('', 99)", "-1"},
      {"s.startswith('He')", "True"},
      {"s.startswith(('x', 'H'))", "True"},
      {"s.startswith('e', 1)", "True"},
      {"s.endswith('ld')", "True"},
      {"s.endswith('l', 0, -1)", "True"},
      {"s.startswith('')", "True"},
  });
  expect_failures({
      {"s.index('zz')", "index: the text is not there"},
      {"s.startswith(1)", "startswith: expected a string, found int"},
      {"s.find(1)", "find: expected a string, found int"},
  });
}

TEST(JinjaStringMethods, ChangesCase) {
  expect_texts({
      {"s.upper()", "HELLO WORLD"},
      {"s.lower()", "hello world"},
      {"s.swapcase()", "hELLO wORLD"},
      {"'hello world'.title()", "Hello World"},
      {"'hELLO'.capitalize()", "Hello"},
      {"'Straße'.casefold()", "strasse"},
      {"'ΣΑΣ'.lower()", "σας"},
      {"'ﬁn'.upper()", "FIN"},
      {"'ǆ'.title()", "ǅ"},
      {"'İ'.lower() | length", "2"},
  });
}

TEST(JinjaStringMethods, Replaces) {
  expect_texts({
      {"s.replace('o', '0')", "Hell0 W0rld"},
      {"s.replace('o', '0', 1)", "Hell0 World"},
      {"'ab'.replace('', '-')", "-a-b-"},
      {"'ab'.replace('', '-', 2)", "-a-b"},
      {"'aaa'.replace('aa', 'b')", "ba"},
      {"s.replace('zz', 'y')", "Hello World"},
      {"'prefix-x'.removeprefix('prefix-')", "x"},
      {"'x.txt'.removesuffix('.txt')", "x"},
  });
  expect_failures({
      {"s.replace('a')", "replace: the argument 'new' is missing"},
      {"s.replace(1, 'a')", "replace: expected a string, found int"},
  });
}

TEST(JinjaStringMethods, Pads) {
  expect_texts({
      {"'ab'.center(5, '*')", "**ab*"},
      {"'abc'.center(6, '*')", "*abc**"},
      {"'ab'.ljust(4, '.')", "ab.."},
      {"'ab'.rjust(4, '.')", "..ab"},
      {"'é'.rjust(3)", "  é"},
      {"'-7'.zfill(4)", "-007"},
      {"'7'.zfill(3)", "007"},
      {"'abc'.zfill(2)", "abc"},
      {"'a\\tb'.expandtabs()", "a       b"},
      {"'a\\tb'.expandtabs(4)", "a   b"},
      {"'\\ta'.expandtabs(0)", "a"},
  });
  expect_failures({
      {"'a'.center(5, 'xy')", "the filler must be one character"},
      {"'a'.ljust('b')", "center: expected an integer, found str"},
  });
}

TEST(JinjaStringMethods, Tests) {
  expect_texts({
      {"'a1'.isalnum()", "True"},
      {"'a1'.isalpha()", "False"},
      {"'é'.isalpha()", "True"},
      {"''.isalpha()", "False"},
      {"'12'.isdigit()", "True"},
      {"'²'.isdigit()", "True"},
      {"'²'.isdecimal()", "False"},
      {"'½'.isnumeric()", "True"},
      {"' \\t'.isspace()", "True"},
      {"'aB'.islower()", "False"},
      {"'ab1'.islower()", "True"},
      {"'AB'.isupper()", "True"},
      {"'Ab Cd'.istitle()", "True"},
      {"'a_1'.isidentifier()", "True"},
      {"'1a'.isidentifier()", "False"},
      {"'\\n'.isprintable()", "False"},
      {"'é'.isascii()", "False"},
      {"'日本'.isidentifier()", "True"},
  });
}

TEST(JinjaStringMethods, Joins) {
  expect_texts({
      {"', '.join(['a', 'b'])", "a, b"},
      {"'-'.join('abc')", "a-b-c"},
      {"''.join([])", ""},
      {"' '.join(ls | map('upper'))", "B A C"},
      {"'x'.join(d)", "axb"},
  });
  expect_failures({
      {"'x'.join([1])", "join: expected a string, found int"},
      {"'x'.join(7)", "expected something to walk over, found int"},
      {"'x'.join()", "join: the argument 'iterable' is missing"},
  });
}

TEST(JinjaStringMethods, RefusesUnknownMethods) {
  expect_failures({
      {"s.nosuch()", "'str object' has no attribute 'nosuch'"},
  });
}

}  // namespace
}  // namespace llmos::jinja
