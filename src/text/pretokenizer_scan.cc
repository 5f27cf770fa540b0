// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer_scan.h"

#include <array>

#include "text/pretokenizer_patterns.h"
#include "text/unicode.h"

namespace llmos {
namespace {

using unicode::Category;
using Words = PieceScanner::Words;

// What a character is to the patterns, in bits.
enum Class : uint8_t {
  kOther = 0,  // symbols, punctuation, controls; what is not UTF-8
  kSpace = 1,
  kNewline = 2,  // \r or \n, which are also kSpace
  kNumber = 4,
  kUpper = 8,    // of a word's beginning only: Lu, Lt
  kLower = 16,   // of a word's end only: Ll
  kEither = 32,  // letters of both: Lm, Lo
  kMark = 64,
};
constexpr uint8_t kLetter = kUpper | kLower | kEither;

constexpr uint8_t class_of_category(Category category) {
  switch (category) {
    case Category::kLu:
    case Category::kLt:
      return kUpper;
    case Category::kLl:
      return kLower;
    case Category::kLm:
    case Category::kLo:
      return kEither;
    case Category::kMn:
    case Category::kMc:
    case Category::kMe:
      return kMark;
    case Category::kNd:
    case Category::kNl:
    case Category::kNo:
      return kNumber;
    case Category::kZs:
    case Category::kZl:
    case Category::kZp:
      return kSpace;
    default:
      return kOther;
  }
}

constexpr std::array<uint8_t, 32> make_category_classes() {
  std::array<uint8_t, 32> table{};
  for (unsigned i = 0; i <= unsigned(Category::kCo); ++i) table[i] = class_of_category(Category(i));
  return table;
}

constexpr std::array<uint8_t, 128> make_ascii_classes() {
  std::array<uint8_t, 128> table{};
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = kLower;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = kUpper;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = kNumber;
  for (unsigned c = '\t'; c <= '\r'; ++c) table[c] = kSpace;
  table['\n'] = table['\r'] = kSpace | kNewline;
  table[' '] = kSpace;
  return table;
}

constexpr auto kCategoryClasses = make_category_classes();
constexpr auto kAsciiClasses = make_ascii_classes();

struct Seen {
  uint8_t kind;
  uint8_t bytes;  // 0 at the end of the text
};

class Scanner {
 public:
  Scanner(const PieceScanner& rules, std::string_view text) : rules_(rules), text_(text) {}

  // The end of the match that begins at `at`, which is not the end of the text.
  size_t match_end(size_t at) const {
    switch (rules_.words) {
      case Words::kGpt2:
        return gpt2_end(at);
      case Words::kCl100k:
        return cl100k_end(at);
      case Words::kO200k:
        return o200k_end(at);
    }
    return text_.size();
  }

 private:
  Seen see(size_t at) const {
    if (at >= text_.size()) return {kOther, 0};
    const auto lead = static_cast<unsigned char>(text_[at]);
    if (lead < 0x80) return {kAsciiClasses[lead], 1};
    const unicode::Character c = unicode::decode_slow(text_.substr(at));
    if (c.code_point == 0x85) return {kSpace, 2};
    return {kCategoryClasses[size_t(unicode::category(c.code_point))], uint8_t(c.bytes)};
  }

  static bool is_symbol(Seen seen) {
    return seen.bytes > 0 && !(seen.kind & (kSpace | kNumber | kLetter));
  }

  // Behind all characters of `kinds` from `at` on, at most `count_max` of them.
  size_t run(size_t at, uint8_t kinds, uint32_t count_max = ~0u) const {
    for (; count_max > 0; --count_max) {
      const Seen seen = see(at);
      if (!(seen.kind & kinds) || seen.bytes == 0) break;
      at += seen.bytes;
    }
    return at;
  }

  size_t symbol_run(size_t at) const {
    for (Seen seen = see(at); is_symbol(seen); seen = see(at)) at += seen.bytes;
    return at;
  }

  size_t digits_end(size_t at) const {
    return run(at, kNumber, rules_.digits_max ? rules_.digits_max : ~0u);
  }

  // \s+(?!\S)|\s+ : white space, but for its last character where something else follows it.
  size_t space_end(size_t at) const {
    size_t last = at;
    size_t end = at;
    for (Seen seen = see(at); seen.kind & kSpace; seen = see(end)) {
      last = end;
      end += seen.bytes;
    }
    return end == text_.size() || last == at ? end : last;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+
  size_t lines_or_space_end(size_t at) const {
    size_t last = at;
    size_t end = at;
    size_t newline_end = 0;
    for (Seen seen = see(at); seen.kind & kSpace; seen = see(end)) {
      last = end;
      end += seen.bytes;
      if (seen.kind & kNewline) newline_end = end;
    }
    if (newline_end > 0) return newline_end;
    return end == text_.size() || last == at ? end : last;
  }

  // [^\s\p{L}\p{N}]+[\r\n]* from a symbol on.
  size_t symbols_and_lines_end(size_t at) const {
    at = symbol_run(at);
    while (at < text_.size() && (text_[at] == '\r' || text_[at] == '\n' ||
                                 (rules_.slash_after_symbols && text_[at] == '/'))) {
      ++at;
    }
    return at;
  }

  // The bytes of a contraction at `at`, or 0: 's 't 'm 'd 're 've 'll.
  size_t contraction(size_t at, bool ignore_case) const {
    if (!rules_.contractions || at + 1 >= text_.size() || text_[at] != '\'') return 0;
    const auto letter = [&](size_t i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    const char first = letter(at + 1);
    const char second = letter(at + 2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if ((first == 'r' || first == 'v') && second == 'e') return 3;
    if (first == 'l' && second == 'l') return 3;
    // U+017F, the long s, is an s but for its case.
    if (ignore_case && text_.substr(at + 1).starts_with("\xC5\xBF")) return 3;
    return 0;
  }

  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  size_t gpt2_end(size_t at) const {
    if (const size_t bytes = contraction(at, false)) return at + bytes;
    const size_t begin = text_[at] == ' ' ? at + 1 : at;
    const Seen first = see(begin);
    if (first.kind & kLetter) return run(begin, kLetter);
    if (first.kind & kNumber) return digits_end(begin);
    if (is_symbol(first)) return symbol_run(begin);
    return space_end(at);
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
  // \s*[\r\n]+|\s+(?!\S)|\s+
  size_t cl100k_end(size_t at) const {
    if (const size_t bytes = contraction(at, true)) return at + bytes;
    const Seen first = see(at);
    if (first.kind & kLetter) return run(at, kLetter);
    if (first.kind & kNumber) return digits_end(at);
    if (!(first.kind & kNewline)) {
      const size_t word_end = run(at + first.bytes, kLetter);
      if (word_end > at + first.bytes) return word_end;
    }
    return symbols_or_space_end(at, first);
  }

  size_t symbols_or_space_end(size_t at, Seen first) const {
    if (is_symbol(first)) return symbols_and_lines_end(at);
    if (text_[at] == ' ' && is_symbol(see(at + 1))) return symbols_and_lines_end(at + 1);
    return lines_or_space_end(at);
  }

  // As kCl100k, but words are
  // [^\r\n\p{L}\p{N}]?U*l+(?i:'s|...)?|[^\r\n\p{L}\p{N}]?U+l*(?i:'s|...)?
  // where U is [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and l is [\p{Ll}\p{Lm}\p{Lo}\p{M}].
  size_t o200k_end(size_t at) const {
    const Seen first = see(at);
    if (first.kind & kNumber) return digits_end(at);
    if (!(first.kind & kNewline)) {
      if (const size_t end = word_end(at, first)) return end + contraction(end, true);
    }
    return symbols_or_space_end(at, first);
  }

  // Tries the four ways in the order of the pattern: U*l+ behind a first character that is no
  // letter, U*l+ at once, U+l* in both places. 0 if there is no word.
  size_t word_end(size_t at, Seen first) const {
    size_t capitals_end = 0;
    if (!(first.kind & kLetter)) {
      const size_t begin = at + first.bytes;
      if (const size_t end = lower_word_end(begin, &capitals_end)) return end;
      // A mark is both: it may stand before a word, and be one.
      if (first.kind & kMark) return begin;
      return capitals_end > begin ? capitals_end : 0;
    }
    if (const size_t end = lower_word_end(at, &capitals_end)) return end;
    return capitals_end;
  }

  // U*l+ at `at`, or 0. *capitals_end is behind U*.
  size_t lower_word_end(size_t at, size_t* capitals_end) const {
    constexpr uint8_t kBoth = kEither | kMark;
    size_t last_both_end = 0;
    Seen seen = see(at);
    while (seen.bytes > 0 && (seen.kind & (kUpper | kBoth))) {
      at += seen.bytes;
      if (seen.kind & kBoth) last_both_end = at;
      seen = see(at);
    }
    *capitals_end = at;
    if (seen.bytes > 0 && (seen.kind & kLower)) return run(at, kLower | kBoth);
    // U* gives back until l+ finds one character.
    return last_both_end;
  }

  const PieceScanner& rules_;
  const std::string_view text_;
};

struct KnownPattern {
  std::string_view pattern;
  PieceScanner scanner;
};

constexpr KnownPattern kKnownPatterns[] = {
    {kGpt2Pattern, {Words::kGpt2, true, false, 0}},
    {kLlama3Pattern, {Words::kCl100k, true, false, 3}},
    {kQwen2Pattern, {Words::kCl100k, true, false, 1}},
    {kTekkenPattern, {Words::kO200k, false, true, 1}},
    {kGpt4oPattern, {Words::kO200k, true, true, 3}},
};

}  // namespace

std::optional<PieceScanner> PieceScanner::of_pattern(std::string_view pattern) {
  for (const KnownPattern& known : kKnownPatterns) {
    if (known.pattern == pattern) return known.scanner;
  }
  return std::nullopt;
}

void PieceScanner::for_each_match(std::string_view text,
                                  FunctionRef<void(size_t, size_t)> match) const {
  const Scanner scanner(*this, text);
  for (size_t at = 0; at < text.size();) {
    const size_t end = scanner.match_end(at);
    match(at, end);
    at = end;
  }
}

}  // namespace llmos
