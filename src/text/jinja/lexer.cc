// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "text/jinja/failure.h"
#include "text/jinja/literal.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

class Lexer {
 public:
  Lexer(std::string_view source, std::deque<std::string>& texts) : source_(source), texts_(texts) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) data();
    push(TokenType::kEnd, {});
    return std::move(tokens_);
  }

 private:
  struct RawTag {
    size_t end = 0;  // 0: none here
    char sign = 0;
  };

  std::string_view rest() const { return source_.substr(at_); }
  bool ahead(std::string_view text) const { return rest().starts_with(text); }

  [[noreturn]] void fail_here(const Text& message) const {
    throw Failure{Code::kCorrupt, message.str(), line_};
  }

  void push(TokenType type, std::string_view text, Value number = {}) {
    tokens_.push_back({type, line_, text, number});
  }

  void advance(size_t bytes) {
    line_ += uint32_t(std::count(source_.begin() + ptrdiff_t(at_),
                                 source_.begin() + ptrdiff_t(at_ + bytes), '\n'));
    at_ += bytes;
  }

  void skip_space() { advance(rest().size() - strip_left(rest()).size()); }

  size_t after_space(size_t at) const {
    return source_.size() - strip_left(source_.substr(at)).size();
  }

  // Text up to the next tag, and what begins the tag.
  void data() {
    const size_t tag = next_tag();
    if (tag == source_.npos) {
      push(TokenType::kData, rest());
      return advance(rest().size());
    }
    const char kind = source_[tag + 1];
    const char sign = sign_at(tag + 2);
    emit_data(tag, sign, kind != '{');
    const RawTag raw = kind == '%' ? raw_tag(tag, "raw", false) : RawTag();
    if (raw.end > 0) {
      advance(raw.end - at_);
      line_starting_ = source_[at_ - 1] == '\n';
      return raw_block();
    }
    advance(2 + (sign ? 1 : 0));
    line_starting_ = false;
    if (kind == '#') return comment();
    push(kind == '{' ? TokenType::kVariableBegin : TokenType::kBlockBegin, {});
    code(kind == '%');
  }

  size_t next_tag() const {
    for (size_t at = source_.find('{', at_); at != source_.npos; at = source_.find('{', at + 1)) {
      const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return source_.npos;
  }

  char sign_at(size_t at) const {
    const char sign = at < source_.size() ? source_[at] : '\0';
    return sign == '-' || sign == '+' ? sign : '\0';
  }

  // The data from here to `tag`, and on to the tag.
  void emit_data(size_t tag, char sign, bool strip_line) {
    std::string_view text = source_.substr(at_, tag - at_);
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && strip_line) {
      const size_t newline = text.rfind('\n');
      const size_t line = newline == text.npos ? 0 : newline + 1;
      if ((line > 0 || line_starting_) && strip_left(text.substr(line)).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) push(TokenType::kData, text);
    advance(tag - at_);
  }

  // "{%- raw -%}" or "{%- endraw -%}" at `at`.
  RawTag raw_tag(size_t at, std::string_view word, bool is_end) const {
    if (source_.substr(at, 2) != "{%") return {};
    RawTag tag;
    tag.sign = sign_at(at + 2);
    size_t i = after_space(at + 2 + (tag.sign ? 1 : 0));
    if (!source_.substr(i).starts_with(word)) return {};
    i = after_space(i + word.size());
    const std::string_view end = source_.substr(i);
    if (end.starts_with("-%}")) {
      tag.end = after_space(i + 3);
    } else if (is_end && end.starts_with("+%}")) {
      tag.end = i + 3;
    } else if (end.starts_with("%}")) {
      tag.end = i + 2 + (is_end && end.substr(2).starts_with('\n') ? 1 : 0);
    }
    return tag;
  }

  void raw_block() {
    if (at_ == source_.size()) return;
    for (size_t at = source_.find("{%", at_); at != source_.npos; at = source_.find("{%", at + 1)) {
      const RawTag tag = raw_tag(at, "endraw", true);
      if (tag.end == 0) continue;
      emit_data(at, tag.sign, true);
      advance(tag.end - at_);
      line_starting_ = source_[at_ - 1] == '\n';
      return;
    }
    fail_here(Text() << "expected {% endraw %}, found the end of the template");
  }

  void comment() {
    if (at_ == source_.size()) return;
    const size_t end = source_.find("#}", at_);
    if (end == source_.npos) fail_here(Text() << "expected #}, found the end of the template");
    const char sign = end > at_ ? sign_at(end - 1) : '\0';
    advance(end + 2 - at_);
    close_tag(sign);
  }

  // Behind a tag: what its sign and trim_blocks say about the whitespace that follows.
  void close_tag(char sign) {
    const size_t before = at_;
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && ahead("\n")) {
      advance(1);
    }
    line_starting_ = at_ > before && source_[at_ - 1] == '\n';
  }

  void code(bool block) {
    while (at_ < source_.size()) {
      if (open_.empty() && end_of_code(block)) return;
      token();
    }
  }

  bool end_of_code(bool block) {
    const std::string_view mark = block ? "%}" : "}}";
    char sign = sign_at(at_);
    if (sign == '+' && !block) sign = '\0';
    if (!source_.substr(at_ + (sign ? 1 : 0)).starts_with(mark)) return false;
    push(block ? TokenType::kBlockEnd : TokenType::kVariableEnd, {});
    advance(mark.size() + (sign ? 1 : 0));
    close_tag(block ? sign : sign == '-' ? '-' : '+');
    return true;
  }

  void token() {
    size_t after = at_;
    const char32_t c = take_character(source_, &after);
    if (is_space(c)) return skip_space();
    if (const size_t bytes = number()) return advance(bytes);
    if (c == '_' || character_properties(c) & (kAlphabetic | kNumeric)) return name();
    if (c == '\'' || c == '"') return string(char(c));
    symbol();
  }

  // Bytes of the number that begins here; 0: none.
  size_t number() {
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_dot) {
      if (const size_t bytes = float_literal_bytes(rest())) {
        push(TokenType::kFloat, rest().substr(0, bytes),
             Value::number(*parse_float(rest().substr(0, bytes))));
        return bytes;
      }
    }
    const size_t bytes = integer_literal_bytes(rest());
    if (bytes == 0) return 0;
    const std::string_view text = rest().substr(0, bytes);
    push(TokenType::kInteger, text, Value::integer(integer_literal(text)));
    return bytes;
  }

  void name() {
    size_t end = at_;
    while (end < source_.size()) {
      size_t after = end;
      const char32_t c = take_character(source_, &after);
      if (c != '_' && !(character_properties(c) & (kAlphabetic | kNumeric))) break;
      end = after;
    }
    push(TokenType::kName, source_.substr(at_, end - at_));
    advance(end - at_);
  }

  void string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_here(Text() << "a string without its closing quote");
    const std::string_view text = source_.substr(at_ + 1, end - at_ - 1);
    if (text.find('\\') == text.npos) {
      push(TokenType::kString, text);
    } else {
      texts_.push_back(unescaped(text));
      push(TokenType::kString, texts_.back());
    }
    advance(end + 1 - at_);
  }

  void symbol() {
    static constexpr std::array<std::string_view, 6> kLong = {"//", "**", "==", "!=", ">=", "<="};
    static constexpr std::string_view kShort = "+-/*%~[](){}><=.:|,;";
    size_t bytes = 0;
    for (const std::string_view symbol : kLong) {
      if (ahead(symbol)) bytes = 2;
    }
    if (bytes == 0 && kShort.find(source_[at_]) != kShort.npos) bytes = 1;
    if (bytes == 0) {
      size_t after = at_;
      take_character(source_, &after);
      fail_here(Text() << "unexpected character '" << source_.substr(at_, after - at_) << "'");
    }
    if (bytes == 1) balance(source_[at_]);
    push(TokenType::kOperator, source_.substr(at_, bytes));
    advance(bytes);
  }

  // Inside brackets the marks that end a tag are operators.
  void balance(char symbol) {
    static constexpr std::string_view kOpen = "{[(", kClose = "}])";
    if (kOpen.find(symbol) != kOpen.npos) open_.push_back(symbol);
    const size_t kind = kClose.find(symbol);
    if (kind == kClose.npos) return;
    if (open_.empty() || open_.back() != kOpen[kind]) {
      fail_here(Text() << "unexpected '" << symbol << "'");
    }
    open_.pop_back();
  }

  const std::string_view source_;
  std::deque<std::string>& texts_;
  std::vector<Token> tokens_;
  std::string open_;  // brackets
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, std::deque<std::string>& texts) {
  return Lexer(source, texts).run();
}

std::string normalized_source(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace llmos::jinja
