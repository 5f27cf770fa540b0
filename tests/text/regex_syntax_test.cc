// SPDX-License-Identifier: Apache-2.0
// What patterns mean is tested where they match: regex_test.cc. Here, the trees.
#include "text/regex_syntax.h"

#include <gtest/gtest.h>

#include <string>

namespace llmos {
namespace {

using Kind = RegexNode::Kind;
using Greed = RegexNode::Greed;
using Assert = RegexNode::Assert;

RegexNode parsed(std::string_view pattern) {
  Result<RegexNode> tree = parse_regex(pattern);
  EXPECT_TRUE(tree.ok()) << pattern << ": " << tree.status().to_string();
  return *std::move(tree);
}

std::string greed_of(const RegexNode& node) {
  if (node.greed == Greed::kGreedy) return "";
  return node.greed == Greed::kLazy ? "?" : "+";
}

// A tree written out: sets as their first character, sequences in (), alternatives in <>.
std::string written(const RegexNode& node) {
  std::string children;
  for (const RegexNode& child : node.children) children += written(child);
  switch (node.kind) {
    case Kind::kEmpty:
      return "0";
    case Kind::kSet:
      return node.set.empty() ? "[]"
                              : std::string(1, static_cast<char>(node.set.ranges()[0].first));
    case Kind::kSequence:
      return "(" + children + ")";
    case Kind::kAlternate:
      return "<" + children + ">";
    case Kind::kRepeat: {
      const bool forever = node.max == kRepeatForever;
      return children + "{" + std::to_string(node.min) + "," +
             (forever ? "" : std::to_string(node.max)) + "}" + greed_of(node);
    }
    case Kind::kLook:
      return std::string(node.negated ? "!" : "=") + (node.behind ? "<" : "") + children;
    case Kind::kAssert:
      return "@" + std::to_string(int(node.assertion));
  }
  return "";
}

std::string tree(std::string_view pattern) { return written(parsed(pattern)); }

TEST(RegexSyntax, AlternativesBindLooserThanSequences) {
  EXPECT_EQ(tree("ab|c"), "<(ab)(c)>");
  EXPECT_EQ(tree("a(?:b|)c"), "(a<(b)()>c)");
  EXPECT_EQ(tree(""), "()");
  EXPECT_EQ(tree("(a)(?<name>b)"), "((a)(b))");
}

TEST(RegexSyntax, QuantifiersBindToOneAtom) {
  EXPECT_EQ(tree("ab*"), "(ab{0,})");
  EXPECT_EQ(tree("a+?b?+"), "(a{1,}?b{0,1}+)");
  EXPECT_EQ(tree("a{2}b{3,}c{,4}d{5,6}?"), "(a{2,2}b{3,}c{0,4}d{5,6}?)");
  EXPECT_EQ(tree("a{2}+"), "(a{2,2}{1,})") << "as in Ruby";
  EXPECT_EQ(tree("a{2}?"), "(a{2,2}{0,1})") << "as in Ruby";
  EXPECT_EQ(tree("a{x"), "(a{x)");
  EXPECT_EQ(tree("(?>a)"), "((a){1,1}+)");
}

TEST(RegexSyntax, LooksAndAsserts) {
  EXPECT_EQ(tree("(?=a)(?!b)(?<=c)(?<!d)"), "(=(a)!(b)=<(c)!<(d))");
  EXPECT_EQ(parsed("\\A").children[0].assertion, Assert::kTextBegin);
  EXPECT_EQ(parsed("$").children[0].assertion, Assert::kLineEnd);
  EXPECT_EQ(parsed("\\B").children[0].assertion, Assert::kNoWordBorder);
}

TEST(RegexSyntax, OptionsHoldToTheEndOfTheirGroup) {
  const auto set = [](std::string_view pattern, size_t i) {
    return parsed(pattern).children[i].set;
  };
  const CodePointSet both = CodePointSet::of('a', 'a').add(CodePointSet::of('A', 'A'));
  EXPECT_EQ(set("(?i)a", 0), both);
  EXPECT_EQ(set("(?:(?i)b)a", 1), CodePointSet::of('a', 'a'));
  EXPECT_EQ(parsed("(?i)(?-i:a)").children[0].children[0].set, CodePointSet::of('a', 'a'));
}

TEST(RegexSyntax, SetsAreAlgebra) {
  const auto set = [](std::string_view pattern) { return parsed(pattern).children[0].set; };
  EXPECT_EQ(set("[a-c&&b-d]"), CodePointSet::of('b', 'c'));
  EXPECT_EQ(set("[[a][b]]"), CodePointSet::of('a', 'b'));
  EXPECT_EQ(set("[^\\x{1}-\\x{10FFFF}]"), CodePointSet::of(0, 0));
  EXPECT_EQ(set("\\p{^L}"), set("\\P{L}"));
  EXPECT_EQ(set("[\\d\\D]"), CodePointSet::of(0, unicode::kCodePointMax));
}

TEST(RegexSyntax, FailuresNameTheByte) {
  const auto failure = [](std::string_view pattern) {
    return parse_regex(pattern).status().to_string();
  };
  EXPECT_EQ(failure("ab("), "invalid: regular expression, byte 3: expected ')'");
  EXPECT_EQ(failure("ab)c"), "invalid: regular expression, byte 2: found ')' without '('");
}

// A failure within the end of a range once left the reader before a byte that it refused for ever.
TEST(RegexSyntax, AFailureEndsTheReading) {
  for (const char* pattern : {"[A-\\p.", "[A-\\p\xCE{Lu}]*+", "[a-\\P]|*", "[b-\\p{No}-\\p{x}]+"}) {
    EXPECT_FALSE(parse_regex(pattern).ok()) << pattern;
  }
}

TEST(RegexSyntax, LimitsHold) {
  const auto code = [](std::string_view pattern) { return parse_regex(pattern).status().code(); };
  EXPECT_TRUE(parse_regex(std::string(kRegexBytesMax, 'a')).ok());
  EXPECT_EQ(code(std::string(kRegexBytesMax + 1, 'a')), Code::kExhausted);
  EXPECT_TRUE(parse_regex("a{" + std::to_string(kRegexRepeatMax) + "}").ok());
  EXPECT_EQ(code("a{" + std::to_string(kRegexRepeatMax + 1) + "}"), Code::kExhausted);
  EXPECT_EQ(code("a{99999999999999999999}"), Code::kExhausted);
  const auto nested = [](int levels) {
    return std::string(size_t(levels), '(') + std::string(size_t(levels), ')');
  };
  EXPECT_TRUE(parse_regex(nested(kRegexDepthMax - 1)).ok()) << "the pattern itself is one level";
  EXPECT_EQ(code(nested(kRegexDepthMax)), Code::kExhausted);
}

}  // namespace
}  // namespace llmos
