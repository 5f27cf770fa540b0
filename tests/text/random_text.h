// SPDX-License-Identifier: Apache-2.0
// Random texts for tokenizers: words of many scripts, digits, contractions, white space of every
// kind, symbols, emoji, combining marks; on demand bytes that are not UTF-8.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "text/unicode.h"

namespace llmos::test {

class RandomText {
 public:
  explicit RandomText(uint64_t seed, bool broken_utf8 = false)
      : rng_(seed), broken_utf8_(broken_utf8) {}

  std::string text(size_t items_max) {
    std::string text;
    for (size_t left = rng_.below(items_max + 1); left > 0; --left) append_item(&text);
    return text;
  }

 private:
  struct Span {
    char32_t first, last;
  };

  char32_t of(Span span) { return span.first + char32_t(rng_.below(span.last - span.first + 1)); }

  void append_item(std::string* text) {
    static constexpr std::array<std::string_view, 26> kFragments = {
        "'s",   "'t",   "'re", "'VE",    "'m",         "'LL", "'d",           "'\xC5\xBF", "''",
        "\r\n", "\n\n", "  ",  "   \n ", "\t",         " \t", "\u3000",       "\u00A0",    "\u0085",
        "...",  "//\n", "{};", "don't",  "HTTPServer", "123", "\u00BD\u2167", "\u200D",
    };
    static constexpr std::array<Span, 21> kSpans = {{
        {'a', 'z'},          {'A', 'Z'},         {'0', '9'},         {'!', '~'},
        {0x80, 0x24F},       {0x250, 0x36F},     {0x370, 0x3FF},     {0x400, 0x52F},
        {0x590, 0x6FF},      {0x900, 0x97F},     {0xE00, 0xE7F},     {0x1E00, 0x1FFF},
        {0x2000, 0x2BFF},    {0x3000, 0x30FF},   {0x4E00, 0x9FFF},   {0xAC00, 0xD7A3},
        {0xFB00, 0xFFFD},    {0x10400, 0x104FF}, {0x1D400, 0x1D7FF}, {0x1F300, 0x1FAFF},
        {0x10000, 0x10FFFF},
    }};
    const uint64_t choice = rng_.below(broken_utf8_ ? 10 : 9);
    if (choice == 0) {
      *text += kFragments[rng_.below(kFragments.size())];
    } else if (choice == 1) {
      text->append(1 + rng_.below(3), ' ');
    } else if (choice == 9) {
      *text += static_cast<char>(rng_.below(256));
    } else {
      const Span span = kSpans[choice < 5 ? rng_.below(4) : rng_.below(kSpans.size())];
      for (uint64_t left = 1 + rng_.below(5); left > 0; --left) {
        const char32_t c = of(span);
        if (c < 0xD800 || c > 0xDFFF) unicode::append(*text, c);
      }
    }
  }

  Rng rng_;
  const bool broken_utf8_;
};

}  // namespace llmos::test
