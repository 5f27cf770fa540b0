// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "text/jinja/failure.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

// Beyond this a width or precision serves no one but an attacker.
constexpr Int kWidthMax = 100'000;

struct Directive {
  bool minus = false, plus = false, space = false, zero = false, alternate = false;
  Int width = 0;
  std::optional<Int> precision;
  char type = 0;
};

class Formatter {
 public:
  Formatter(Heap& heap, const Value& format, const Value& arguments)
      : heap_(heap), format_(format.text()), arguments_(arguments), markup_(format.markup()) {}

  std::string run() && {
    while (at_ < format_.size()) {
      const char c = format_[at_++];
      if (c == '%') {
        directive();
      } else {
        out_ += c;
      }
    }
    // What can be indexed may be left over, because it could have been asked for by names.
    const bool indexed = arguments_.is(Kind::kDict) || arguments_.is(Kind::kList) ||
                         arguments_.is(Kind::kRange) || arguments_.is_undefined();
    const bool left_over = arguments_.is(Kind::kTuple) ? next_ < arguments_.list().items.size()
                                                       : next_ == 0 && !indexed;
    if (left_over) fail_type(Text() << "more arguments than the format has places");
    return std::move(out_);
  }

 private:
  char take() {
    if (at_ >= format_.size()) fail_value(Text() << "an incomplete format");
    return format_[at_++];
  }

  void directive() {
    Directive made;
    Value value;
    if (at_ < format_.size() && format_[at_] == '(') value = named();
    for (char c = take();; c = take()) {
      if (c == '-') {
        made.minus = true;
      } else if (c == '+') {
        made.plus = true;
      } else if (c == ' ') {
        made.space = true;
      } else if (c == '0') {
        made.zero = true;
      } else if (c == '#') {
        made.alternate = true;
      } else {
        --at_;
        break;
      }
    }
    made.width = number();
    if (made.width < 0) {
      made.minus = true;
      made.width = -made.width;
    }
    if (format_.substr(at_).starts_with('.')) {
      ++at_;
      made.precision = std::max<Int>(0, number());
    }
    if (made.width > kWidthMax || made.precision.value_or(0) > kWidthMax) {
      fail_limit(Text() << "a width or precision above " << int64_t(kWidthMax));
    }
    char type = take();
    while (type == 'l' || type == 'h' || type == 'L') type = take();
    made.type = type;
    if (type == '%') {
      out_ += '%';
      return;
    }
    if (value.missing()) value = next();
    convert(made, value);
  }

  Value named() {
    int depth = 1;
    const size_t first = ++at_;
    while (depth > 0) {
      const char c = take();
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    if (!arguments_.is(Kind::kDict)) fail_type(Text() << "the format needs a dict");
    const Value* const found = arguments_.dict().find(format_.substr(first, at_ - 1 - first));
    if (!found) fail(Text() << "the format names a key that is not there");
    return *found;
  }

  // A width or precision: digits, or '*' for the next argument.
  Int number() {
    if (format_.substr(at_).starts_with('*')) {
      ++at_;
      return integer_argument(next(), "a width");
    }
    Int value = 0;
    while (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9') {
      value = std::min<Int>(kWidthMax + 1, value * 10 + (format_[at_++] - '0'));
    }
    return value;
  }

  Value next() {
    if (arguments_.is(Kind::kTuple)) {
      if (next_ < arguments_.list().items.size()) return arguments_.list().items[next_++];
    } else if (next_++ == 0) {
      return arguments_;
    }
    fail_type(Text() << "fewer arguments than the format has places");
  }

  void convert(const Directive& directive, const Value& value) {
    if (markup_) check_markup(directive, value);
    switch (directive.type) {
      case 's':
        return text(directive,
                    std::string(markup_ ? escaped(heap_, value).text() : str(heap_, value)));
      case 'r':
        return text(directive, shown(value));
      case 'a':
        return text(directive, ascii_only(shown(value)));
      case 'c':
        return character(directive, value);
      case 'd':
      case 'i':
      case 'u':
        return integer(directive, as_integer(value, true), 10);
      case 'o':
        return integer(directive, as_integer(value, false), 8);
      case 'x':
      case 'X':
        return integer(directive, as_integer(value, false), 16);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return real(directive, value);
      default:
        fail_value(Text() << "an unknown letter behind % in a format");
    }
  }

  // Markup wraps what it formats: as text it is escaped, and only some numbers are seen through.
  static void check_markup(const Directive& directive, const Value& value) {
    constexpr std::string_view kTexts = "sra", kNone = "coxX";
    if (kNone.find(directive.type) != kNone.npos) {
      fail_type(Text() << "markup formats neither characters nor other bases");
    }
    if (value.is_string() && kTexts.find(directive.type) == kTexts.npos) {
      fail_unsupported(Text() << "a text as a number in a format that is markup");
    }
  }

  std::string shown(const Value& value) {
    std::string text = repr(heap_, value);
    return markup_ ? std::string(escaped(heap_, Value::string(text)).text()) : text;
  }

  static std::string ascii_only(std::string_view text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const char32_t c = take_character(text, &at);
      char escape[16];
      const char* const form = c < 0x80      ? "%c"
                               : c < 0x100   ? "\\x%02x"
                               : c < 0x10000 ? "\\u%04x"
                                             : "\\U%08x";
      out.append(escape, size_t(std::snprintf(escape, sizeof escape, form, unsigned(c))));
    }
    return out;
  }

  Int as_integer(const Value& value, bool truncate) {
    fail_if_undefined(value);
    if (truncate && value.is(Kind::kFloat)) return truncated(value.as_double());
    if (!value.is_integer()) {
      fail_type(Text() << "the format needs a number, found " << type_name(value));
    }
    return value.as_int();
  }

  void text(const Directive& directive, std::string made) {
    if (directive.precision) {
      made.resize(byte_of_character(made, size_t(*directive.precision)));
    }
    pad(directive, "", made, false);
  }

  void character(const Directive& directive, const Value& value) {
    std::string made;
    if (value.is_string() && character_count(value.text()) == 1) {
      made = value.text();
    } else if (value.is_integer() && value.as_int() >= 0 && value.as_int() < 0x110000 &&
               (value.as_int() < 0xD800 || value.as_int() >= 0xE000)) {
      append_character(made, char32_t(value.as_int()));
    } else {
      fail_type(Text() << "%c needs a character");
    }
    pad(directive, "", made, false);
  }

  void integer(const Directive& directive, Int value, unsigned base) {
    std::string digits;
    auto rest = static_cast<unsigned __int128>(value);
    if (value < 0) rest = 0 - rest;
    do {
      digits += "0123456789abcdef"[unsigned(rest % base)];
      rest /= base;
    } while (rest > 0);
    if (directive.precision && Int(digits.size()) < *directive.precision) {
      digits.append(size_t(*directive.precision) - digits.size(), '0');
    }
    std::reverse(digits.begin(), digits.end());
    std::string sign = sign_of(directive, value < 0);
    if (directive.alternate && base != 10) sign += base == 16 ? "0x" : "0o";
    if (directive.type == 'X') upper(sign), upper(digits);
    pad(directive, sign, digits, true);
  }

  void real(const Directive& directive, const Value& value) {
    fail_if_undefined(value);
    if (!value.is_number()) {
      fail_type(Text() << "the format needs a number, found " << type_name(value));
    }
    if (directive.alternate) fail_unsupported(Text() << "# for a real number in a format");
    const double number = to_double(value);
    std::string digits = real_digits(directive, std::fabs(number));
    if (directive.type < 'a') upper(digits);
    pad(directive, sign_of(directive, std::signbit(number) && !std::isnan(number)), digits, true);
  }

  static std::string real_digits(const Directive& directive, double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return "inf";
    const char type = char(directive.type | 0x20);
    const auto format = type == 'e'   ? std::chars_format::scientific
                        : type == 'f' ? std::chars_format::fixed
                                      : std::chars_format::general;
    constexpr size_t kWholeMax = 320;  // digits of the largest double, and more
    const auto precision = int(directive.precision.value_or(6));
    std::string digits(kWholeMax + size_t(precision), '\0');
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), number, format, precision).ptr;
    digits.resize(size_t(end - digits.data()));
    return digits;
  }

  static void upper(std::string& text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? char(c - 32) : c;
  }

  static std::string sign_of(const Directive& directive, bool negative) {
    return negative ? "-" : directive.plus ? "+" : directive.space ? " " : "";
  }

  void pad(const Directive& directive, std::string_view sign, std::string_view body, bool number) {
    const Int used = Int(sign.size() + character_count(body));
    const size_t fill = used < directive.width ? size_t(directive.width - used) : 0;
    heap_.charge(fill + body.size());
    const bool zeros = number && directive.zero && !directive.minus;
    if (!directive.minus && !zeros) out_.append(fill, ' ');
    out_ += sign;
    if (zeros) out_.append(fill, '0');
    out_ += body;
    if (directive.minus) out_.append(fill, ' ');
  }

  Heap& heap_;
  const std::string_view format_;
  const Value& arguments_;
  const bool markup_;
  std::string out_;
  size_t at_ = 0;
  size_t next_ = 0;
};

}  // namespace

Value format_percent(Heap& heap, const Value& format, const Value& arguments) {
  heap.scan(format.text().size());
  return heap.string(Formatter(heap, format, arguments).run(), format.markup());
}

}  // namespace llmos::jinja
