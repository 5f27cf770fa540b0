// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer_finder.h"

#include <string>
#include <utility>

#include "text/pretokenizer_patterns.h"
#include "text/pretokenizer_scan.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace llmos {
namespace {

class RegexFinder final : public Finder {
 public:
  explicit RegexFinder(Regex regex) : regex_(std::move(regex)) {}
  void for_each_match(std::string_view text, MatchSink match) const override {
    regex_.for_each_match(text, match);
  }

 private:
  const Regex regex_;
};

class ScanFinder final : public Finder {
 public:
  explicit ScanFinder(PieceScanner scanner) : scanner_(scanner) {}
  void for_each_match(std::string_view text, MatchSink match) const override {
    scanner_.for_each_match(text, match);
  }

 private:
  const PieceScanner scanner_;
};

class LiteralFinder final : public Finder {
 public:
  explicit LiteralFinder(std::string literal) : literal_(std::move(literal)) {}
  void for_each_match(std::string_view text, MatchSink match) const override {
    if (literal_.empty()) return;
    size_t at = text.find(literal_);
    while (at != std::string_view::npos) {
      match(at, at + literal_.size());
      at = text.find(literal_, at + literal_.size());
    }
  }

 private:
  const std::string literal_;
};

bool is_number(char32_t c) { return unicode::is(unicode::kNumber, c); }

bool is_punctuation(char32_t c) {
  constexpr std::string_view kAsciiSymbols = "$+<=>^`|~";
  if (c < 0x80 && kAsciiSymbols.find(static_cast<char>(c)) != std::string_view::npos) return true;
  return unicode::is(unicode::kPunctuation, c);
}

// Word characters of Rust's `regex` crate: the standard's, and the joiners.
bool is_word(char32_t c) { return unicode::is_word(c) || c == 0x200C || c == 0x200D; }

// Every character of a kind.
class CharacterFinder final : public Finder {
 public:
  using Kind = bool (*)(char32_t);
  explicit CharacterFinder(Kind kind) : kind_(kind) {}
  void for_each_match(std::string_view text, MatchSink match) const override {
    for (size_t at = 0; at < text.size();) {
      const unicode::Character c = unicode::decode(text.substr(at));
      if (kind_(c.code_point)) match(at, at + c.bytes);
      at += c.bytes;
    }
  }

 private:
  const Kind kind_;
};

// \w+|[^\w\s]+
class WordFinder final : public Finder {
 public:
  void for_each_match(std::string_view text, MatchSink match) const override {
    enum Class { kSpace, kWord, kOther };
    Class run = kSpace;
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      const unicode::Character c = unicode::decode(text.substr(at));
      const Class next = is_word(c.code_point)             ? kWord
                         : unicode::is_space(c.code_point) ? kSpace
                                                           : kOther;
      if (next != run) {
        if (run != kSpace) match(begin, at);
        run = next;
        begin = at;
      }
      at += c.bytes;
    }
    if (run != kSpace) match(begin, text.size());
  }
};

}  // namespace

Result<std::unique_ptr<const Finder>> regex_finder(std::string_view pattern) {
  using Made = std::unique_ptr<const Finder>;
  if (const std::optional<PieceScanner> scanner = PieceScanner::of_pattern(pattern)) {
    return Made(std::make_unique<ScanFinder>(*scanner));
  }
  Result<Regex> regex = Regex::compile(pattern);
  if (!regex.ok()) return regex.status();
  return Made(std::make_unique<RegexFinder>(*std::move(regex)));
}

std::unique_ptr<const Finder> step_finder(const PretokenizerStep& step) {
  using Kind = PretokenizerStep::Kind;
  switch (step.kind) {
    case Kind::kSplit:
      return std::make_unique<LiteralFinder>(step.pattern);
    case Kind::kByteLevel:
      if (!step.use_regex) return nullptr;
      return std::make_unique<ScanFinder>(*PieceScanner::of_pattern(kGpt2Pattern));
    case Kind::kDigits:
      return std::make_unique<CharacterFinder>(is_number);
    case Kind::kPunctuation:
      return std::make_unique<CharacterFinder>(is_punctuation);
    case Kind::kWhitespace:
      return std::make_unique<WordFinder>();
    case Kind::kWhitespaceSplit:
      return std::make_unique<CharacterFinder>(unicode::is_space);
    case Kind::kMetaspace:
      if (!step.split) return nullptr;
      return std::make_unique<LiteralFinder>(step.pattern);
    case Kind::kNamed:
    case Kind::kSplitRegex:
      break;
  }
  return nullptr;
}

}  // namespace llmos
