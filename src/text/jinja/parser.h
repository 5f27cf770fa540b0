// SPDX-License-Identifier: Apache-2.0
// Reads the tokens of a template into its Program.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace llmos::jinja {

// Levels of brackets, operators and blocks in each other. Python, which compiles the original's
// templates, stops at 100 levels of blocks and 200 of brackets.
inline constexpr int kNestingMax = 100;
// Levels of an expression's tree; "a + b + c" has two. Real templates stay below 20.
inline constexpr int kTreeDepthMax = 200;
// Keywords of one call; each is compared with those before it.
inline constexpr size_t kKeywordsMax = 255;

// Where the parser stands in the tokens, and the nodes that it makes.
class TokenReader {
 public:
  TokenReader(std::vector<Token> tokens, Program& program)
      : tokens_(std::move(tokens)), program_(program) {}

  const Token& token() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() {
    const Token& taken = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return taken;
  }
  bool at(TokenType type) const { return token().type == type; }
  bool at_symbol(std::string_view symbol) const {
    return at(TokenType::kOperator) && token().text == symbol;
  }
  bool at_word(std::string_view word) const { return at(TokenType::kName) && token().text == word; }
  bool take_symbol(std::string_view symbol) { return at_symbol(symbol) && (take(), true); }
  bool take_word(std::string_view word) { return at_word(word) && (take(), true); }
  void expect_symbol(std::string_view symbol);
  void expect(TokenType type, std::string_view what);
  std::string_view expect_name();

  [[noreturn]] void fail_here(const Text& message) const;
  // "expected `what`, found ..."
  [[noreturn]] void fail_expected(std::string_view what) const;

  Expr* make(Op op, uint32_t line, std::vector<Expr*> items = {});
  Stmt* make(Do what, uint32_t line);
  // Makes `arguments` those of `call`, a call, filter or test.
  void give(Expr* call, CallArguments arguments);
  std::string_view keep(std::string text) { return program_.texts.emplace_back(std::move(text)); }

  // One level of nesting while it lives.
  class Nested {
   public:
    explicit Nested(TokenReader& reader) : reader_(reader) {
      if (++reader.nesting_ > kNestingMax) reader.fail_nesting();
    }
    ~Nested() { --reader_.nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    TokenReader& reader_;
  };

 private:
  [[noreturn]] void fail_nesting() const;
  void deepen(Expr* expr, const Expr* child);

  const std::vector<Token> tokens_;
  Program& program_;
  size_t at_ = 0;
  int nesting_ = 0;
};

// Where a list of expressions may end besides the end of its tag.
enum class Until : uint8_t { kTag, kIn, kRecursive };

// Expressions, with the original's grammar and precedence.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& reader) : reader_(reader) {}

  Expr* expression(bool with_condition = true);
  // One expression, or a tuple of several.
  Expr* tuple(bool with_condition = true, Until until = Until::kTag);
  // What `set`, `for` and `with` assign to.
  Expr* target(bool with_namespace, Until until = Until::kTag);
  // The filters of {% set x | f %} and {% filter f %}, on the text of the block; null: none.
  Expr* block_filter(bool start_inline);

 private:
  Expr* condition();
  Expr* disjunction();
  Expr* conjunction();
  Expr* negation();
  Expr* comparison();
  Expr* sum();
  Expr* concatenation();
  Expr* product();
  Expr* power();
  Expr* unary(bool with_filter = true);
  Expr* primary(bool with_namespace = false);
  Expr* word(bool with_namespace);
  Expr* string();
  Expr* parenthesized();
  Expr* list();
  Expr* dict();
  Expr* postfix(Expr* expr);
  Expr* filters_and_tests(Expr* expr);
  Expr* filter(Expr* expr);
  Expr* test(Expr* expr);
  Expr* attribute(Expr* expr);
  Expr* subscript(Expr* expr);
  Expr* subscribed(Expr* expr, uint32_t line);
  Expr* call(Expr* expr);
  CallArguments arguments();
  std::string_view dotted_name();
  bool ends(Until until) const;
  void check_target(const Expr& expr) const;

  TokenReader& reader_;
};

// The statements of the whole template. Failure (thrown): kCorrupt for what is no template,
// kUnsupported for inheritance and inclusion, kExhausted beyond the limits of nesting.
void parse_statements(TokenReader& reader, Program& program);

}  // namespace llmos::jinja
