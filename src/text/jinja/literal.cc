// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/literal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "text/jinja/failure.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The value of a digit of bases up to 36; 36: none.
int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

char at_or_end(std::string_view text, size_t i) { return i < text.size() ? text[i] : '\0'; }

// (\d+_)*\d+ from `at`: where it ends, or `at` where it does not match.
size_t digits_end(std::string_view text, size_t at) {
  size_t end = at;
  while (is_digit(at_or_end(text, end)) ||
         (end > at && text[end - 1] != '_' && at_or_end(text, end) == '_' &&
          is_digit(at_or_end(text, end + 1)))) {
    ++end;
  }
  return end;
}

std::string without_underscores(std::string_view text) {
  std::string plain(text);
  std::erase(plain, '_');
  return plain;
}

// With 0 to 9 for the decimal digits of all scripts, as Python reads numbers.
std::string plain_digits(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = take_character(text, &at);
    const std::optional<int> digit = c < 0x80 ? std::nullopt : decimal_digit(c);
    if (digit) {
      out += char('0' + *digit);
    } else {
      append_character(out, c);
    }
  }
  return out;
}

// Underscores stand between digits only.
bool underscores_fit(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') continue;
    if (i == 0 || digit_of(text[i - 1]) == 36 || digit_of(at_or_end(text, i + 1)) == 36)
      return false;
  }
  return true;
}

[[noreturn]] void fail_wide() {
  fail_limit(Text() << "an integer beyond 128 bits, which is all that integers hold here");
}

Int accumulate(std::string_view digits, int base, bool negative) {
  Int value = 0;
  for (const char c : digits) {
    const Int digit = negative ? -digit_of(c) : digit_of(c);
    if (__builtin_mul_overflow(value, Int(base), &value) ||
        __builtin_add_overflow(value, digit, &value)) {
      fail_wide();
    }
  }
  return value;
}

int prefix_base(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 10;
  const char c = text[1];
  return c == 'x' || c == 'X' ? 16 : c == 'o' || c == 'O' ? 8 : c == 'b' || c == 'B' ? 2 : 10;
}

class Unescaper {
 public:
  explicit Unescaper(std::string_view text) : text_(text) {}

  std::string run() && {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\\') {
        escape();
      } else {
        out_ += c;
      }
    }
    return std::move(out_);
  }

 private:
  void escape() {
    static constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
    const char c = text_[at_++];  // the lexer saw to it that one follows
    if (const size_t i = kLetters.find(c); i != kLetters.npos) {
      out_ += kMeanings[i];
    } else if (c >= '0' && c <= '7') {
      octal(c);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      fail_unsupported(Text() << "the escape \\N{...}: write the character itself");
    } else if (c != '\n') {
      out_ += '\\';
      out_ += c;
    }
  }

  void octal(char first) {
    char32_t value = char32_t(first - '0');
    for (int i = 0; i < 2 && at_or_end(text_, at_) >= '0' && at_or_end(text_, at_) <= '7'; ++i) {
      value = value * 8 + char32_t(text_[at_++] - '0');
    }
    append_character(out_, value);
  }

  void hexadecimal(int digits) {
    uint64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      const int digit = digit_of(at_or_end(text_, at_++));
      if (digit >= 16) fail(Text() << "a truncated escape in a string", Code::kCorrupt);
      value = value * 16 + uint64_t(digit);
    }
    if (value > 0x10FFFF) fail(Text() << "an escape beyond U+10FFFF", Code::kCorrupt);
    if (value >= 0xD800 && value < 0xE000) {
      fail_unsupported(Text() << "half a surrogate pair in a string: write the character itself");
    }
    append_character(out_, char32_t(value));
  }

  const std::string_view text_;
  std::string out_;
  size_t at_ = 0;
};

}  // namespace

size_t float_literal_bytes(std::string_view text) {
  const size_t whole = digits_end(text, 0);
  if (whole == 0) return 0;
  size_t end = whole;
  if (at_or_end(text, whole) == '.') {
    const size_t fraction = digits_end(text, whole + 1);
    if (fraction > whole + 1) end = fraction;
  }
  if (at_or_end(text, end) == 'e' || at_or_end(text, end) == 'E') {
    const char sign = at_or_end(text, end + 1);
    const size_t first = end + (sign == '+' || sign == '-' ? 2 : 1);
    const size_t last = digits_end(text, first);
    if (last > first) end = last;
  }
  return end > whole ? end : 0;
}

size_t integer_literal_bytes(std::string_view text) {
  const int base = prefix_base(text);
  if (base != 10) {
    size_t end = 2;
    while (digit_of(at_or_end(text, end)) < base ||
           (at_or_end(text, end) == '_' && digit_of(at_or_end(text, end + 1)) < base)) {
      ++end;
    }
    if (end > 2) return end;
  }
  if (!is_digit(at_or_end(text, 0))) return 0;
  if (text[0] != '0') return digits_end(text, 0);
  size_t end = 1;
  while (at_or_end(text, end) == '0' ||
         (at_or_end(text, end) == '_' && at_or_end(text, end + 1) == '0')) {
    ++end;
  }
  return end;
}

Int integer_literal(std::string_view text) {
  const std::string plain = without_underscores(text);
  const int base = prefix_base(plain);
  return accumulate(std::string_view(plain).substr(base == 10 ? 0 : 2), base, false);
}

std::optional<double> parse_float(std::string_view text) {
  const std::string digits = plain_digits(strip(text));
  text = digits;
  if (!underscores_fit(text)) return std::nullopt;
  std::string plain = without_underscores(text);
  std::string_view number = plain;
  bool negative = false;
  if (!number.empty() && (number[0] == '+' || number[0] == '-')) {
    negative = number[0] == '-';
    number.remove_prefix(1);
  }
  std::string lower(number);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (lower == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    if (lower.empty() || (!is_digit(lower[0]) && lower[0] != '.')) return std::nullopt;
    const auto read = std::from_chars(lower.data(), lower.data() + lower.size(), value);
    if (read.ptr != lower.data() + lower.size() || read.ec == std::errc::invalid_argument) {
      return std::nullopt;
    }
    if (read.ec == std::errc::result_out_of_range) {
      // Either end of the range: from_chars does not say which, the exponent's sign does.
      const size_t e = lower.find('e');
      const bool tiny = lower.starts_with("0.") || lower.starts_with('.') ||
                        (e != lower.npos && lower[e + 1] == '-');
      value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    }
  }
  return negative ? -value : value;
}

std::optional<Int> parse_int(std::string_view text, int base) {
  const std::string digits = plain_digits(strip(text));
  text = digits;
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const int prefixed = prefix_base(text);
  const bool guess = base == 0;
  if (prefixed != 10 && (guess || base == prefixed)) {
    base = prefixed;
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);  // allowed behind a prefix
  } else if (guess) {
    base = 10;
    if (text.starts_with('0') && text.find_first_not_of("0_") != text.npos) return std::nullopt;
  }
  if (text.empty() || !underscores_fit(text)) return std::nullopt;
  const std::string plain = without_underscores(text);
  if (std::any_of(plain.begin(), plain.end(), [&](char c) { return digit_of(c) >= base; })) {
    return std::nullopt;
  }
  return accumulate(plain, base, negative);
}

std::string unescaped(std::string_view text) { return Unescaper(text).run(); }

}  // namespace llmos::jinja
