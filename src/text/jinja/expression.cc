// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "text/jinja/failure.h"
#include "text/jinja/parser.h"

namespace llmos::jinja {

namespace {

struct SymbolOp {
  std::string_view symbol;
  Op op;
};

constexpr std::array<SymbolOp, 2> kSums = {{{"+", Op::kAdd}, {"-", Op::kSubtract}}};
constexpr std::array<SymbolOp, 4> kProducts = {
    {{"*", Op::kMultiply}, {"/", Op::kDivide}, {"//", Op::kFloorDivide}, {"%", Op::kModulo}}};

struct SymbolComparison {
  std::string_view symbol;
  Comparison comparison;
};

constexpr std::array<SymbolComparison, 6> kComparisons = {{{"==", Comparison::kEqual},
                                                           {"!=", Comparison::kNotEqual},
                                                           {"<", Comparison::kLess},
                                                           {"<=", Comparison::kLessEqual},
                                                           {">", Comparison::kGreater},
                                                           {">=", Comparison::kGreaterEqual}}};

// The entry of `table` whose symbol the reader is at, which is taken; null: none.
template <class Table>
const typename Table::value_type* take_any(TokenReader& reader, const Table& table) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& entry) {
    return reader.at_symbol(entry.symbol);
  });
  if (found == table.end()) return nullptr;
  reader.take();
  return &*found;
}

}  // namespace

Expr* ExpressionParser::expression(bool with_condition) {
  const TokenReader::Nested nested(reader_);
  return with_condition ? condition() : disjunction();
}

Expr* ExpressionParser::condition() {
  const TokenReader::Nested nested(reader_);
  uint32_t line = reader_.token().line;
  Expr* expr = disjunction();
  while (reader_.take_word("if")) {
    Expr* const test = disjunction();
    Expr* const otherwise = reader_.take_word("else") ? condition() : nullptr;
    expr = reader_.make(Op::kCondition, line, {test, expr, otherwise});
    line = reader_.token().line;
  }
  return expr;
}

Expr* ExpressionParser::disjunction() {
  uint32_t line = reader_.token().line;
  Expr* left = conjunction();
  while (reader_.take_word("or")) {
    left = reader_.make(Op::kOr, line, {left, conjunction()});
    line = reader_.token().line;
  }
  return left;
}

Expr* ExpressionParser::conjunction() {
  uint32_t line = reader_.token().line;
  Expr* left = negation();
  while (reader_.take_word("and")) {
    left = reader_.make(Op::kAnd, line, {left, negation()});
    line = reader_.token().line;
  }
  return left;
}

Expr* ExpressionParser::negation() {
  if (!reader_.at_word("not")) return comparison();
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.take().line;
  return reader_.make(Op::kNot, line, {negation()});
}

Expr* ExpressionParser::comparison() {
  const uint32_t line = reader_.token().line;
  std::vector<Expr*> items = {sum()};
  std::vector<Comparison> comparisons;
  for (;;) {
    if (const auto* entry = take_any(reader_, kComparisons)) {
      comparisons.push_back(entry->comparison);
    } else if (reader_.take_word("in")) {
      comparisons.push_back(Comparison::kIn);
    } else if (reader_.at_word("not") && reader_.following().type == TokenType::kName &&
               reader_.following().text == "in") {
      reader_.take();
      reader_.take();
      comparisons.push_back(Comparison::kNotIn);
    } else {
      break;
    }
    items.push_back(sum());
  }
  if (comparisons.empty()) return items[0];
  Expr* const made = reader_.make(Op::kCompare, line, std::move(items));
  made->comparisons = std::move(comparisons);
  return made;
}

Expr* ExpressionParser::sum() {
  uint32_t line = reader_.token().line;
  Expr* left = concatenation();
  while (const SymbolOp* entry = take_any(reader_, kSums)) {
    left = reader_.make(entry->op, line, {left, concatenation()});
    line = reader_.token().line;
  }
  return left;
}

Expr* ExpressionParser::concatenation() {
  const uint32_t line = reader_.token().line;
  std::vector<Expr*> items = {product()};
  while (reader_.take_symbol("~")) items.push_back(product());
  return items.size() == 1 ? items[0] : reader_.make(Op::kConcat, line, std::move(items));
}

Expr* ExpressionParser::product() {
  uint32_t line = reader_.token().line;
  Expr* left = power();
  while (const SymbolOp* entry = take_any(reader_, kProducts)) {
    left = reader_.make(entry->op, line, {left, power()});
    line = reader_.token().line;
  }
  return left;
}

Expr* ExpressionParser::power() {
  uint32_t line = reader_.token().line;
  Expr* left = unary();
  while (reader_.take_symbol("**")) {
    left = reader_.make(Op::kPower, line, {left, unary()});
    line = reader_.token().line;
  }
  return left;
}

Expr* ExpressionParser::unary(bool with_filter) {
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.token().line;
  Expr* expr = nullptr;
  if (reader_.take_symbol("-")) {
    expr = reader_.make(Op::kNegate, line, {unary(false)});
  } else if (reader_.take_symbol("+")) {
    expr = reader_.make(Op::kPlus, line, {unary(false)});
  } else {
    expr = primary();
  }
  expr = postfix(expr);
  return with_filter ? filters_and_tests(expr) : expr;
}

Expr* ExpressionParser::primary(bool with_namespace) {
  const Token& token = reader_.token();
  switch (token.type) {
    case TokenType::kName:
      return word(with_namespace);
    case TokenType::kString:
      return string();
    case TokenType::kInteger:
    case TokenType::kFloat: {
      Expr* const expr = reader_.make(Op::kConst, token.line);
      expr->constant = reader_.take().number;
      return expr;
    }
    default:
      break;
  }
  if (reader_.at_symbol("(")) return parenthesized();
  if (reader_.at_symbol("[")) return list();
  if (reader_.at_symbol("{")) return dict();
  reader_.fail_expected("an expression");
}

Expr* ExpressionParser::word(bool with_namespace) {
  const Token token = reader_.take();
  const std::string_view text = token.text;
  Expr* const expr = reader_.make(Op::kConst, token.line);
  if (text == "true" || text == "True" || text == "false" || text == "False") {
    expr->constant = Value::boolean(text == "true" || text == "True");
  } else if (text == "none" || text == "None") {
    expr->constant = Value::none();
  } else if (with_namespace && reader_.take_symbol(".")) {
    expr->op = Op::kNamespaceItem;
    expr->name = text;
    expr->constant = Value::string(reader_.expect_name());
  } else {
    expr->op = Op::kName;
    expr->name = text;
  }
  return expr;
}

Expr* ExpressionParser::string() {
  const Token first = reader_.take();
  Expr* const expr = reader_.make(Op::kConst, first.line);
  if (!reader_.at(TokenType::kString)) {
    expr->constant = Value::string(first.text);
    return expr;
  }
  std::string joined(first.text);  // neighbours are one string
  while (reader_.at(TokenType::kString)) joined += reader_.take().text;
  expr->constant = Value::string(reader_.keep(std::move(joined)));
  return expr;
}

Expr* ExpressionParser::parenthesized() {
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.take().line;
  Expr* expr = nullptr;
  if (reader_.at_symbol(")")) {
    expr = reader_.make(Op::kTuple, line);
  } else {
    expr = tuple();
  }
  reader_.expect_symbol(")");
  return expr;
}

bool ExpressionParser::ends(Until until) const {
  if (reader_.at(TokenType::kVariableEnd) || reader_.at(TokenType::kBlockEnd) ||
      reader_.at_symbol(")")) {
    return true;
  }
  return (until == Until::kIn && reader_.at_word("in")) ||
         (until == Until::kRecursive && reader_.at_word("recursive"));
}

Expr* ExpressionParser::tuple(bool with_condition, Until until) {
  const uint32_t line = reader_.token().line;
  if (ends(until)) reader_.fail_expected("an expression");
  Expr* const first = expression(with_condition);
  if (!reader_.at_symbol(",")) return first;
  std::vector<Expr*> items = {first};
  while (reader_.take_symbol(",")) {
    if (ends(until)) break;
    items.push_back(expression(with_condition));
  }
  return reader_.make(Op::kTuple, line, std::move(items));
}

Expr* ExpressionParser::target(bool with_namespace, Until until) {
  const uint32_t line = reader_.token().line;
  if (ends(until)) reader_.fail_expected("a variable");
  std::vector<Expr*> items = {primary(with_namespace)};
  const bool several = reader_.at_symbol(",");
  while (reader_.take_symbol(",")) {
    if (ends(until)) break;
    items.push_back(primary(with_namespace));
  }
  Expr* const expr = several ? reader_.make(Op::kTuple, line, std::move(items)) : items[0];
  check_target(*expr);
  return expr;
}

void ExpressionParser::check_target(const Expr& expr) const {
  if (expr.op == Op::kTuple) {
    for (const Expr* item : expr.items) check_target(*item);
  } else if (expr.op != Op::kName && expr.op != Op::kNamespaceItem) {
    throw Failure{Code::kCorrupt, "expected a variable to assign to, found another expression",
                  expr.line};
  }
}

Expr* ExpressionParser::list() {
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.take().line;
  std::vector<Expr*> items;
  while (!reader_.at_symbol("]")) {
    if (!items.empty()) reader_.expect_symbol(",");
    if (reader_.at_symbol("]")) break;
    items.push_back(expression());
  }
  reader_.expect_symbol("]");
  return reader_.make(Op::kList, line, std::move(items));
}

Expr* ExpressionParser::dict() {
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.take().line;
  std::vector<Expr*> items;
  while (!reader_.at_symbol("}")) {
    if (!items.empty()) reader_.expect_symbol(",");
    if (reader_.at_symbol("}")) break;
    items.push_back(expression());
    reader_.expect_symbol(":");
    items.push_back(expression());
  }
  reader_.expect_symbol("}");
  return reader_.make(Op::kDict, line, std::move(items));
}

Expr* ExpressionParser::postfix(Expr* expr) {
  for (;;) {
    if (reader_.at_symbol(".")) {
      expr = attribute(expr);
    } else if (reader_.at_symbol("[")) {
      expr = subscript(expr);
    } else if (reader_.at_symbol("(")) {
      expr = call(expr);
    } else {
      return expr;
    }
  }
}

Expr* ExpressionParser::filters_and_tests(Expr* expr) {
  for (;;) {
    if (reader_.at_symbol("|")) {
      reader_.take();
      expr = filter(expr);
    } else if (reader_.at_word("is")) {
      expr = test(expr);
    } else if (reader_.at_symbol("(")) {
      expr = call(expr);
    } else {
      return expr;
    }
  }
}

std::string_view ExpressionParser::dotted_name() {
  const std::string_view first = reader_.expect_name();
  if (!reader_.at_symbol(".")) return first;
  std::string name(first);
  while (reader_.take_symbol(".")) name.append(1, '.').append(reader_.expect_name());
  return reader_.keep(std::move(name));
}

Expr* ExpressionParser::filter(Expr* expr) {
  const uint32_t line = reader_.token().line;
  Expr* const made = reader_.make(Op::kFilter, line, {expr});
  made->name = dotted_name();
  if (reader_.at_symbol("(")) reader_.give(made, arguments());
  return made;
}

Expr* ExpressionParser::block_filter(bool start_inline) {
  Expr* expr = nullptr;
  for (bool first = start_inline; first || reader_.take_symbol("|"); first = false) {
    expr = filter(expr);
  }
  return expr;
}

Expr* ExpressionParser::test(Expr* expr) {
  const uint32_t line = reader_.take().line;
  const bool negated = reader_.take_word("not");
  Expr* made = reader_.make(Op::kTest, line, {expr});
  made->name = dotted_name();
  const bool argument_follows = reader_.at(TokenType::kName) || reader_.at(TokenType::kString) ||
                                reader_.at(TokenType::kInteger) || reader_.at(TokenType::kFloat) ||
                                reader_.at_symbol("[") || reader_.at_symbol("{");
  if (reader_.at_symbol("(")) {
    reader_.give(made, arguments());
  } else if (argument_follows && !reader_.at_word("else") && !reader_.at_word("or") &&
             !reader_.at_word("and")) {
    if (reader_.at_word("is")) reader_.fail_here(Text() << "tests with 'is' cannot be chained");
    CallArguments single;
    single.positional.push_back(postfix(primary()));
    reader_.give(made, std::move(single));
  }
  return negated ? reader_.make(Op::kNot, line, {made}) : made;
}

Expr* ExpressionParser::attribute(Expr* expr) {
  const uint32_t line = reader_.take().line;
  if (reader_.at(TokenType::kName)) {
    Expr* const made = reader_.make(Op::kAttribute, line, {expr});
    made->name = reader_.take().text;
    return made;
  }
  if (!reader_.at(TokenType::kInteger)) reader_.fail_expected("a name or a number");
  Expr* const index = reader_.make(Op::kConst, line);
  index->constant = reader_.take().number;
  return reader_.make(Op::kItem, line, {expr, index});
}

Expr* ExpressionParser::subscript(Expr* expr) {
  const TokenReader::Nested nested(reader_);
  const uint32_t line = reader_.take().line;
  Expr* made = nullptr;
  std::vector<Expr*> items;
  while (!reader_.at_symbol("]")) {
    if (made || !items.empty()) {
      if (made) fail_unsupported(Text() << "a slice among several subscripts");
      reader_.expect_symbol(",");
    }
    made = subscribed(expr, line);
    if (made->op == Op::kSlice && made->items[0] == expr) continue;
    items.push_back(made);
    made = nullptr;
  }
  reader_.expect_symbol("]");
  if (made) return made;
  if (items.size() == 1) return reader_.make(Op::kItem, line, {expr, items[0]});
  return reader_.make(Op::kItem, line, {expr, reader_.make(Op::kTuple, line, std::move(items))});
}

// One subscript, or the slice of `expr`.
Expr* ExpressionParser::subscribed(Expr* expr, uint32_t line) {
  const auto at_end = [&] { return reader_.at_symbol("]") || reader_.at_symbol(","); };
  Expr* start = nullptr;
  if (!reader_.at_symbol(":")) {
    start = expression();
    if (!reader_.at_symbol(":")) return start;
  }
  reader_.expect_symbol(":");
  Expr* const stop = reader_.at_symbol(":") || at_end() ? nullptr : expression();
  Expr* step = nullptr;
  if (reader_.take_symbol(":") && !at_end()) step = expression();
  return reader_.make(Op::kSlice, line, {expr, start, stop, step});
}

Expr* ExpressionParser::call(Expr* expr) {
  Expr* const made = reader_.make(Op::kCall, reader_.token().line, {expr});
  reader_.give(made, arguments());
  return made;
}

CallArguments ExpressionParser::arguments() {
  const TokenReader::Nested nested(reader_);
  reader_.expect_symbol("(");
  CallArguments made;
  const auto ensure = [&](bool fits) {
    if (!fits) reader_.fail_here(Text() << "arguments of a call in an order that is not allowed");
  };
  for (bool first = true; !reader_.at_symbol(")"); first = false) {
    if (!first) {
      reader_.expect_symbol(",");
      if (reader_.at_symbol(")")) break;
    }
    if (reader_.take_symbol("*")) {
      ensure(!made.rest && !made.keyword_rest);
      made.rest = expression();
    } else if (reader_.take_symbol("**")) {
      ensure(!made.keyword_rest);
      made.keyword_rest = expression();
    } else if (reader_.at(TokenType::kName) && reader_.following().type == TokenType::kOperator &&
               reader_.following().text == "=") {
      ensure(!made.keyword_rest);
      const std::string_view name = reader_.take().text;
      reader_.take();
      if (made.keywords.size() == kKeywordsMax) reader_.fail_here(Text() << "too many arguments");
      for (const Keyword& keyword : made.keywords) {
        if (keyword.name == name) reader_.fail_here(Text() << "the argument " << name << " twice");
      }
      made.keywords.push_back({name, expression()});
    } else {
      ensure(!made.rest && !made.keyword_rest && made.keywords.empty());
      made.positional.push_back(expression());
    }
  }
  reader_.expect_symbol(")");
  return made;
}

}  // namespace llmos::jinja
