// SPDX-License-Identifier: Apache-2.0
#include "text/regex_syntax.h"

#include <optional>
#include <string>
#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

using Kind = RegexNode::Kind;
using Assert = RegexNode::Assert;
using Greed = RegexNode::Greed;

// Options that hold to the end of their group.
struct Options {
  bool ignore_case = false;
  bool dot_takes_newline = false;
};

RegexNode node_of(Kind kind) {
  RegexNode node;
  node.kind = kind;
  return node;
}

RegexNode set_node(CodePointSet set) {
  RegexNode node = node_of(Kind::kSet);
  node.set = std::move(set);
  return node;
}

RegexNode assert_node(Assert assertion) {
  RegexNode node = node_of(Kind::kAssert);
  node.assertion = assertion;
  return node;
}

CodePointSet inverted(CodePointSet set) { return std::move(set.invert()); }

CodePointSet hex_digits() {
  return CodePointSet::of('0', '9').add(CodePointSet::of('A', 'F')).add(CodePointSet::of('a', 'f'));
}

int hex_value(char32_t c) {
  if (c >= '0' && c <= '9') return int(c - '0');
  if (c >= 'a' && c <= 'f') return int(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return int(c - 'A' + 10);
  return -1;
}

// Recursive descent; the first failure is kept, and makes every loop end.
class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : pattern_(pattern) {}

  Result<RegexNode> parse() {
    if (pattern_.size() > kRegexBytesMax) {
      fail(Code::kExhausted,
           Text() << "expected at most " << kRegexBytesMax << " bytes, found " << pattern_.size());
      return status_;
    }
    RegexNode node = alternatives(Options{});
    if (status_.ok() && !at_end()) fail(Code::kInvalid, Text() << "found ')' without '('");
    if (!status_.ok()) return status_;
    return node;
  }

 private:
  bool at_end() const { return at_ == pattern_.size(); }
  std::string_view rest() const { return pattern_.substr(at_); }
  bool peek(char c) const { return !at_end() && pattern_[at_] == c; }
  bool take(std::string_view text) {
    if (!rest().starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t take_character() {
    const unicode::Character c = unicode::decode(rest());
    at_ += c.bytes;
    return c.code_point;
  }

  // Keeps the first failure. Nothing is left to read behind it, so that every loop ends.
  void fail(Code code, Text what) {
    if (status_.ok()) {
      status_ =
          Status(code, (Text() << "regular expression, byte " << at_ << ": " << what.str()).str());
    }
    at_ = pattern_.size();
  }

  RegexNode alternatives(Options options) {
    RegexNode node = node_of(Kind::kAlternate);
    if (++depth_ > kRegexDepthMax) {
      fail(Code::kExhausted, Text() << "expected at most " << kRegexDepthMax << " levels");
    }
    do {
      node.children.push_back(sequence(&options));
    } while (take("|"));
    --depth_;
    if (node.children.size() > 1) return node;
    return std::move(node.children[0]);
  }

  RegexNode sequence(Options* options) {
    RegexNode node = node_of(Kind::kSequence);
    while (!at_end() && !peek('|') && !peek(')')) {
      std::optional<RegexNode> item = atom(options);
      if (item) node.children.push_back(quantified(*std::move(item)));
    }
    return node;
  }

  // nullopt for what stands for nothing: a comment, or options for the rest of the group.
  std::optional<RegexNode> atom(Options* options) {
    if (take("(")) return group(options);
    if (take("[")) return set_node(bracket(*options));
    if (take("^")) return assert_node(Assert::kLineBegin);
    if (take("$")) return assert_node(Assert::kLineEnd);
    if (take(".")) return set_node(dot(*options));
    if (take("\\")) return escape(*options);
    if (peek('*') || peek('+') || peek('?')) {
      fail(Code::kInvalid, Text() << "found a quantifier with nothing before it");
      return std::nullopt;
    }
    return literal(take_character(), *options);
  }

  static CodePointSet dot(Options options) {
    CodePointSet newline = CodePointSet::of('\n', '\n');
    return inverted(options.dot_takes_newline ? CodePointSet() : newline);
  }

  static RegexNode literal(char32_t c, Options options) {
    CodePointSet set = CodePointSet::of(c, c);
    if (options.ignore_case) set.add_case_variants();
    return set_node(std::move(set));
  }

  std::optional<RegexNode> group(Options* options) {
    if (!take("?")) return closed(alternatives(*options));
    if (take("#")) {
      while (!at_end() && !peek(')')) ++at_;
      expect_close();
      return std::nullopt;
    }
    if (take(":")) return closed(alternatives(*options));
    if (take("=")) return look(*options, false, false);
    if (take("!")) return look(*options, false, true);
    if (take("<=")) return look(*options, true, false);
    if (take("<!")) return look(*options, true, true);
    if (take(">")) return possessive(closed(alternatives(*options)), 1, 1);
    if (take("<") || take("P<")) return named_group(*options);
    return option_group(options);
  }

  RegexNode closed(RegexNode node) {
    expect_close();
    return node;
  }

  void expect_close() {
    if (!take(")")) fail(Code::kInvalid, Text() << "expected ')'");
  }

  RegexNode look(Options options, bool behind, bool negated) {
    RegexNode node = node_of(Kind::kLook);
    node.behind = behind;
    node.negated = negated;
    node.children.push_back(closed(alternatives(options)));
    return node;
  }

  RegexNode named_group(Options options) {
    while (!at_end() && !peek('>')) ++at_;
    if (!take(">")) fail(Code::kInvalid, Text() << "expected '>' behind the name of a group");
    return closed(alternatives(options));
  }

  // (?i), (?i-m: ...)
  std::optional<RegexNode> option_group(Options* options) {
    Options changed = *options;
    bool on = true;
    while (!at_end() && !peek(')') && !peek(':')) {
      if (take("-")) {
        on = false;
      } else if (take("i")) {
        changed.ignore_case = on;
      } else if (take("m")) {
        changed.dot_takes_newline = on;
      } else {
        fail(Code::kUnsupported, Text() << "expected one of the options i, m or one of the groups "
                                           "?: ?= ?! ?<= ?<! ?> ?<name>");
      }
    }
    if (take(":")) return closed(alternatives(changed));
    expect_close();
    *options = changed;
    return std::nullopt;
  }

  static RegexNode repeat(RegexNode child, uint32_t min, uint32_t max, Greed greed) {
    RegexNode node = node_of(Kind::kRepeat);
    node.min = min;
    node.max = max;
    node.greed = greed;
    node.children.push_back(std::move(child));
    return node;
  }

  static RegexNode possessive(RegexNode child, uint32_t min, uint32_t max) {
    return repeat(std::move(child), min, max, Greed::kPossessive);
  }

  RegexNode quantified(RegexNode node) {
    int stacked = 0;
    while (status_.ok()) {
      if (take("*")) {
        node = repeat(std::move(node), 0, kRepeatForever, greed());
      } else if (take("+")) {
        node = repeat(std::move(node), 1, kRepeatForever, greed());
      } else if (take("?")) {
        node = repeat(std::move(node), 0, 1, greed());
      } else if (!peek('{') || !interval(&node)) {
        break;
      }
      if (++stacked > kRegexDepthMax) {
        fail(Code::kExhausted, Text() << "expected at most " << kRegexDepthMax << " quantifiers");
      }
    }
    return node;
  }

  Greed greed() {
    if (take("?")) return Greed::kLazy;
    return take("+") ? Greed::kPossessive : Greed::kGreedy;
  }

  // {n}, {n,}, {,m}, {n,m}; anything else is a literal '{'. As in Ruby, {n,m}+ repeats the repeat
  // and {n}? makes it optional.
  bool interval(RegexNode* node) {
    const size_t begin = at_++;
    const std::optional<uint32_t> min = number();
    const bool comma = take(",");
    std::optional<uint32_t> max = comma ? number() : min;
    if (!take("}") || (!min && !max)) {
      at_ = begin;
      return false;
    }
    if (!max) max = kRepeatForever;
    if (min.value_or(0) > kRegexRepeatMax || (*max > kRegexRepeatMax && *max != kRepeatForever)) {
      fail(Code::kExhausted, Text() << "expected at most " << kRegexRepeatMax << " repeats");
    } else if (min.value_or(0) > *max) {
      fail(Code::kInvalid, Text() << "found an interval whose end lies before its begin");
    }
    const bool lazy = comma && take("?");
    *node = repeat(std::move(*node), min.value_or(0), *max, lazy ? Greed::kLazy : Greed::kGreedy);
    return true;
  }

  std::optional<uint32_t> number() {
    std::optional<uint32_t> value;
    while (!at_end() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
      // Saturates far above every limit, and below what would overflow.
      value = std::min<uint32_t>(value.value_or(0) * 10 + uint32_t(pattern_[at_] - '0'), 1 << 20);
      ++at_;
    }
    return value;
  }

  RegexNode escape(Options options) {
    if (at_end()) {
      fail(Code::kInvalid, Text() << "expected a character behind '\\'");
      return {};
    }
    if (take("A")) return assert_node(Assert::kTextBegin);
    if (take("z")) return assert_node(Assert::kTextEnd);
    if (take("Z")) return assert_node(Assert::kTextEndOrNewline);
    if (take("b")) return assert_node(Assert::kWordBorder);
    if (take("B")) return assert_node(Assert::kNoWordBorder);
    if (std::optional<CodePointSet> set = class_escape()) {
      if (options.ignore_case) set->add_case_variants();
      return set_node(*std::move(set));
    }
    return literal(character_escape(), options);
  }

  // What stands behind '\' and is a set, within brackets or outside.
  std::optional<CodePointSet> class_escape() {
    if (take("s")) return CodePointSet::spaces();
    if (take("S")) return inverted(CodePointSet::spaces());
    if (take("d")) return CodePointSet::named("nd");
    if (take("D")) return inverted(*CodePointSet::named("nd"));
    if (take("w")) return CodePointSet::word();
    if (take("W")) return inverted(CodePointSet::word());
    if (take("h")) return hex_digits();
    if (take("H")) return inverted(hex_digits());
    if (take("p")) return property(false);
    if (take("P")) return property(true);
    return std::nullopt;
  }

  CodePointSet property(bool negated) {
    if (!take("{")) {
      fail(Code::kUnsupported, Text() << "expected '{' behind \\p");
      return {};
    }
    if (take("^")) negated = !negated;
    const size_t end = std::min(pattern_.find('}', at_), pattern_.size());
    const std::string_view name = pattern_.substr(at_, end - at_);
    std::optional<CodePointSet> set = CodePointSet::named(name);
    if (!set || end == pattern_.size()) {
      fail(Code::kUnsupported, Text() << "expected a general category or a script in \\p{...}");
      return {};
    }
    at_ = end + 1;
    return negated ? inverted(*std::move(set)) : *std::move(set);
  }

  // What stands behind '\' and is one character.
  char32_t character_escape() {
    if (take("n")) return '\n';
    if (take("r")) return '\r';
    if (take("t")) return '\t';
    if (take("f")) return '\f';
    if (take("v")) return '\v';
    if (take("a")) return '\a';
    if (take("e")) return 0x1B;
    if (take("x{")) return hex(1, 8, true);
    if (take("x")) return hex(1, 2, false);
    if (take("u")) return hex(4, 4, false);
    const char c = at_end() ? '\0' : pattern_[at_];
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || at_end()) {
      fail(Code::kUnsupported, Text() << "found an escape that is not supported");
      return 0;
    }
    return take_character();
  }

  char32_t hex(int digits_min, int digits_max, bool braced) {
    char32_t value = 0;
    int digits = 0;
    while (!at_end() && digits < digits_max && hex_value(char32_t(pattern_[at_])) >= 0) {
      value = value * 16 + char32_t(hex_value(char32_t(pattern_[at_++])));
      ++digits;
    }
    if (digits < digits_min || (braced && !take("}")) || value > unicode::kCodePointMax) {
      fail(Code::kInvalid, Text() << "expected a code point in hexadecimal digits");
      return 0;
    }
    return value;
  }

  // Behind '['. `&&` binds looser than standing side by side.
  CodePointSet bracket(Options options) {
    if (++depth_ > kRegexDepthMax) {
      fail(Code::kExhausted, Text() << "expected at most " << kRegexDepthMax << " levels");
    }
    const bool negated = take("^");
    std::optional<CodePointSet> whole;
    CodePointSet part;
    bool first = true;
    while (!at_end() && (first || !peek(']'))) {
      if (take("&&")) {
        whole = whole ? whole->intersect(part) : part;
        part = CodePointSet();
      } else {
        bracket_item(&part, options);
      }
      first = false;
    }
    if (!take("]")) fail(Code::kInvalid, Text() << "expected ']'");
    --depth_;
    CodePointSet set = whole ? whole->intersect(part) : part;
    if (options.ignore_case) set.add_case_variants();
    return negated ? inverted(std::move(set)) : set;
  }

  void bracket_item(CodePointSet* part, Options options) {
    if (rest().starts_with("[:")) {
      fail(Code::kUnsupported, Text() << "found a POSIX bracket: use \\p{...}");
      return;
    }
    if (take("[")) {
      part->add(bracket(options));
      return;
    }
    char32_t first = 0;
    if (take("\\")) {
      if (std::optional<CodePointSet> set = class_escape()) {
        part->add(*set);
        return;
      }
      first = take("b") ? char32_t{'\b'} : character_escape();
    } else {
      first = take_character();
    }
    part->add(CodePointSet::of(first, range_end(first)));
  }

  // The end of a range that began with `first`: `first` itself where no '-' and no end follow.
  char32_t range_end(char32_t first) {
    const std::string_view ahead = rest();
    if (!ahead.starts_with('-') || ahead.size() < 2 || ahead[1] == ']' || ahead[1] == '[') {
      return first;
    }
    if (ahead.starts_with("-&&")) return first;
    ++at_;
    const size_t begin = at_;
    if (take("\\")) {
      if (class_escape()) {
        if (status_.ok()) at_ = begin - 1;  // the '-' stood for itself
        return first;
      }
      return checked_end(first, character_escape());
    }
    return checked_end(first, take_character());
  }

  char32_t checked_end(char32_t first, char32_t last) {
    if (last < first) {
      fail(Code::kInvalid, Text() << "found a range whose end lies before its begin");
      return first;
    }
    return last;
  }

  const std::string_view pattern_;
  size_t at_ = 0;
  int depth_ = 0;
  Status status_;
};

}  // namespace

Result<RegexNode> parse_regex(std::string_view pattern) { return RegexParser(pattern).parse(); }

}  // namespace llmos
