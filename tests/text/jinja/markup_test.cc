// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/render.h"

namespace llmos::jinja {
namespace {

TEST(JinjaMarkup, EscapesOnRequest) {
  expect_texts({
      {"'<a href=\"x\">&\\'' | e", "&lt;a href=&#34;x&#34;&gt;&amp;&#39;"},
      {"'<' | escape", "&lt;"},
      {"('<' | safe) | e", "<"},
      {"('<' | safe) | forceescape", "&lt;"},
      {"7 | e", "7"},
      {"none | e", "None"},
      {"missing | e", ""},
      {"('<' | e) ~ '<'", "&lt;<"},
      {"('<b>' | safe) + '<'", "<b>&lt;"},
      {"'<' + ('<b>' | safe)", "&lt;<b>"},
      {"('a' | safe) is escaped", "True"},
      {"'a' is escaped", "False"},
      {"('%s' | safe) % '<'", "&lt;"},
      {"('%s %r %a %d %.1f' | safe) % ('<', '<é', '<é', 3, 2.5)",
       "&lt; &#39;&lt;é&#39; &#39;&lt;\\xe9&#39; 3 2.5"},
      {"('%s' | safe) | format('<')", "&lt;"},
      {"('%(a)s' | safe) % {'a': '<' | safe}", "<"},
      {"('<' | safe) * 2", "<<"},
      {"('a' | e).upper() is escaped", "True"},
      {"['<', 'x' | safe] | join('&')", "<&x"},
      {"html | e | length", "46"},
  });
  expect_failures({
      {"('%c' | safe) % 'a'", "markup formats neither characters nor other bases"},
      {"('%x' | safe) % 1", "markup formats neither characters nor other bases"},
  });
}

}  // namespace
}  // namespace llmos::jinja
