// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaTime, FormatsAsPython) {
  expect_texts({
      {"strftime_now('%d %b %Y')", "21 Nov 2024"},
      {"strftime_now('%A, %B %d, %Y')", "Thursday, November 21, 2024"},
      {"strftime_now('%Y-%m-%dT%H:%M:%S.%f')", "2024-11-21T14:34:56.789012"},
      {"strftime_now('%a %j %U %W %w %u %p %I %y %%')", "Thu 326 46 47 4 4 PM 02 24 %"},
      {"strftime_now('%x|%X|%c|%D|%F|%T|%R|%e|%h|%C|%G|%V|%g')",
       "11/21/24|14:34:56|Thu Nov 21 14:34:56 "
       "2024|11/21/24|2024-11-21|14:34:56|14:34|21|Nov|20|2024|47|24"},
      {"strftime_now('')", ""},
      {"strftime_now('é 天 %H')", "é 天 14"},
      {"strftime_now('%z|%Z|')", "||"},
      {"strftime_now('100%')", "100%"},
  });
  expect_failures({
      {"strftime_now()", "strftime_now: the argument 'format' is missing"},
      {"strftime_now(1)", "strftime_now: expected a string"},
  });
}

}  // namespace
}  // namespace llmos::jinja
