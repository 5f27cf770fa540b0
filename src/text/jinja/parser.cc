// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/parser.h"

#include <array>

#include "text/jinja/failure.h"

namespace llmos::jinja {

namespace {

std::string described(const Token& token) {
  constexpr size_t kShownMax = 40;
  switch (token.type) {
    case TokenType::kData:
      return "text of the template";
    case TokenType::kVariableBegin:
      return "{{";
    case TokenType::kVariableEnd:
      return "}}";
    case TokenType::kBlockBegin:
      return "{%";
    case TokenType::kBlockEnd:
      return "%}";
    case TokenType::kString:
      return "a string";
    case TokenType::kEnd:
      return "the end of the template";
    default:
      break;
  }
  if (token.text.size() > kShownMax) return "a long name or number";
  return "'" + std::string(token.text) + "'";
}

using Words = std::vector<std::string_view>;

class StatementParser {
 public:
  StatementParser(TokenReader& reader, Program& program)
      : reader_(reader), program_(program), expressions_(reader) {}

  void run() {
    program_.body = statements({});
    if (!reader_.at(TokenType::kEnd)) reader_.fail_expected("a statement");
  }

 private:
  // Statements until a tag with one of the words `end`, whose {% is taken and the word not; at top
  // level (no words) until the end of the template.
  std::vector<Stmt*> statements(const Words& end) {
    const TokenReader::Nested nested(reader_);
    std::vector<Stmt*> made;
    while (!reader_.at(TokenType::kEnd)) {
      if (reader_.at(TokenType::kData)) {
        Stmt* const text = reader_.make(Do::kText, reader_.token().line);
        text->text = reader_.take().text;
        made.push_back(text);
      } else if (reader_.at(TokenType::kVariableBegin)) {
        made.push_back(print());
      } else {
        reader_.expect(TokenType::kBlockBegin, "a tag");
        if (at_one_of(end)) return made;
        if (Stmt* const stmt = statement(end)) made.push_back(stmt);
        reader_.expect(TokenType::kBlockEnd, "%}");
      }
    }
    if (!end.empty()) reader_.fail_expected("{% " + std::string(end.back()) + " %}");
    return made;
  }

  bool at_one_of(const Words& words) const {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return reader_.at_word(word); });
  }

  // The body behind an opening tag, up to one of `end`.
  std::vector<Stmt*> body(const Words& end) {
    reader_.take_symbol(":");
    reader_.expect(TokenType::kBlockEnd, "%}");
    return statements(end);
  }

  // The same, with the closing word taken.
  std::vector<Stmt*> whole_body(std::string_view end) {
    std::vector<Stmt*> made = body({end});
    reader_.take();
    return made;
  }

  // A body that becomes a function of its own: `break` cannot leave it.
  std::vector<Stmt*> function_body(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    std::vector<Stmt*> made = whole_body(end);
    loops_ = loops;
    return made;
  }

  Stmt* print() {
    Stmt* const made = reader_.make(Do::kPrint, reader_.take().line);
    made->exprs = {expressions_.tuple()};
    reader_.expect(TokenType::kVariableEnd, "}}");
    return made;
  }

  Stmt* statement(const Words& end) {
    struct Keyword {
      std::string_view word;
      Stmt* (StatementParser::*parse)(uint32_t line);
    };
    static constexpr std::array<Keyword, 11> kKeywords = {{
        {"if", &StatementParser::if_statement},
        {"for", &StatementParser::for_statement},
        {"set", &StatementParser::set_statement},
        {"macro", &StatementParser::macro_statement},
        {"call", &StatementParser::call_statement},
        {"filter", &StatementParser::filter_statement},
        {"with", &StatementParser::with_statement},
        {"print", &StatementParser::print_statement},
        {"generation", &StatementParser::generation_statement},
        {"break", &StatementParser::break_statement},
        {"continue", &StatementParser::continue_statement},
    }};
    static constexpr std::array<std::string_view, 6> kUnsupported = {
        "block", "extends", "include", "import", "from", "autoescape"};
    if (!reader_.at(TokenType::kName)) reader_.fail_expected("the name of a tag");
    const Token& token = reader_.token();
    for (const std::string_view word : kUnsupported) {
      if (token.text == word) fail_unsupported_tag(token);
    }
    for (const Keyword& keyword : kKeywords) {
      if (token.text != keyword.word) continue;
      const uint32_t line = reader_.take().line;
      return (this->*keyword.parse)(line);
    }
    reader_.fail_expected(end.empty() ? "a known tag"
                                      : "a known tag or '" + std::string(end.back()) + "'");
  }

  [[noreturn]] static void fail_unsupported_tag(const Token& token) {
    throw Failure{Code::kUnsupported,
                  (Text() << "the tag '" << token.text
                          << "': a chat template is one file, without inheritance or escaping")
                      .str(),
                  token.line};
  }

  Stmt* if_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kIf, line);
    for (;;) {
      made->exprs.push_back(expressions_.tuple(false));
      made->branches.push_back(body({"elif", "else", "endif"}));
      if (reader_.take_word("elif")) continue;
      if (reader_.take_word("else")) {
        made->other = whole_body("endif");
      } else {
        reader_.take();
      }
      return made;
    }
  }

  Stmt* for_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kFor, line);
    made->target = expressions_.target(false, Until::kIn);
    if (!reader_.take_word("in")) reader_.fail_expected("'in'");
    made->exprs = {expressions_.tuple(false, Until::kRecursive), nullptr};
    if (reader_.take_word("if")) made->exprs[1] = expressions_.expression();
    made->recursive = reader_.take_word("recursive");
    const int outer_loops = loops_;
    loops_ = made->recursive ? 1 : loops_ + 1;
    made->body = body({"else", "endfor"});
    loops_ = made->recursive ? 0 : outer_loops;
    if (reader_.take_word("else")) {
      made->other = whole_body("endfor");
      made->has_other = true;
    } else {
      reader_.take();
    }
    loops_ = outer_loops;
    return made;
  }

  Stmt* set_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kSet, line);
    made->target = expressions_.target(true);
    if (reader_.take_symbol("=")) {
      made->exprs = {expressions_.tuple()};
      return made;
    }
    made->what = Do::kSetBlock;
    made->exprs = {expressions_.block_filter(false)};
    made->body = whole_body("endset");
    return made;
  }

  Stmt* macro_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kMacro, line);
    made->text = variable();
    parameters(made);
    made->body = function_body("endmacro");
    return made;
  }

  Stmt* call_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kCallBlock, line);
    if (reader_.at_symbol("(")) parameters(made);
    Expr* const call = expressions_.expression();
    if (call->op != Op::kCall) {
      throw Failure{Code::kCorrupt, "expected a call behind 'call'", line};
    }
    made->exprs = {call};
    made->body = function_body("endcall");
    return made;
  }

  Stmt* filter_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kFilterBlock, line);
    made->exprs = {expressions_.block_filter(true)};
    made->body = whole_body("endfilter");
    return made;
  }

  Stmt* with_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kWith, line);
    while (!reader_.at(TokenType::kBlockEnd)) {
      if (!made->targets.empty()) reader_.expect_symbol(",");
      made->targets.push_back(expressions_.target(false));
      reader_.expect_symbol("=");
      made->exprs.push_back(expressions_.expression());
    }
    made->body = whole_body("endwith");
    return made;
  }

  Stmt* print_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kPrint, line);
    while (!reader_.at(TokenType::kBlockEnd)) {
      if (!made->exprs.empty()) reader_.expect_symbol(",");
      made->exprs.push_back(expressions_.expression());
    }
    return made;
  }

  Stmt* generation_statement(uint32_t line) {
    Stmt* const made = reader_.make(Do::kGeneration, line);
    made->body = function_body("endgeneration");
    return made;
  }

  Stmt* break_statement(uint32_t line) { return leave(Do::kBreak, line); }
  Stmt* continue_statement(uint32_t line) { return leave(Do::kContinue, line); }

  Stmt* leave(Do what, uint32_t line) {
    if (loops_ == 0) throw Failure{Code::kCorrupt, "'break' or 'continue' outside a loop", line};
    return reader_.make(what, line);
  }

  std::string_view variable() {
    static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none",
                                                                   "True", "False", "None"};
    const std::string_view name = reader_.expect_name();
    if (std::find(kConstants.begin(), kConstants.end(), name) != kConstants.end()) {
      reader_.fail_here(Text() << "cannot assign to '" << name << "'");
    }
    return name;
  }

  void parameters(Stmt* made) {
    reader_.expect_symbol("(");
    while (!reader_.at_symbol(")")) {
      if (!made->parameters.empty()) reader_.expect_symbol(",");
      const std::string_view name = variable();
      if (made->parameters.size() == kKeywordsMax)
        reader_.fail_here(Text() << "too many parameters");
      if (std::find(made->parameters.begin(), made->parameters.end(), name) !=
          made->parameters.end()) {
        reader_.fail_here(Text() << "the parameter " << name << " twice");
      }
      made->parameters.push_back(name);
      if (reader_.take_symbol("=")) {
        made->defaults.push_back(expressions_.expression());
      } else if (!made->defaults.empty()) {
        reader_.fail_here(Text() << "expected a default for " << name << ", as before it");
      }
    }
    reader_.expect_symbol(")");
  }

  TokenReader& reader_;
  Program& program_;
  ExpressionParser expressions_;
  int loops_ = 0;  // around this statement, inside the same function
};

}  // namespace

void TokenReader::fail_here(const Text& message) const {
  throw Failure{Code::kCorrupt, message.str(), token().line};
}

void TokenReader::fail_expected(std::string_view what) const {
  fail_here(Text() << "expected " << what << ", found " << described(token()));
}

void TokenReader::fail_nesting() const {
  throw Failure{
      Code::kExhausted,
      (Text() << "expected at most " << kNestingMax << " levels of nesting, found more").str(),
      token().line};
}

void TokenReader::expect_symbol(std::string_view symbol) {
  if (!take_symbol(symbol)) fail_expected("'" + std::string(symbol) + "'");
}

void TokenReader::expect(TokenType type, std::string_view what) {
  if (!at(type)) fail_expected(what);
  take();
}

std::string_view TokenReader::expect_name() {
  if (!at(TokenType::kName)) fail_expected("a name");
  return take().text;
}

void TokenReader::deepen(Expr* expr, const Expr* child) {
  if (!child) return;
  expr->depth = std::max(expr->depth, child->depth + 1);
  if (expr->depth > kTreeDepthMax) {
    throw Failure{Code::kExhausted,
                  (Text() << "expected at most " << kTreeDepthMax
                          << " operators on each other's results, found more")
                      .str(),
                  expr->line};
  }
}

Expr* TokenReader::make(Op op, uint32_t line, std::vector<Expr*> items) {
  Expr* const expr = &program_.exprs.emplace_back(Expr{.op = op, .line = line});
  expr->items = std::move(items);
  for (const Expr* item : expr->items) deepen(expr, item);
  return expr;
}

Stmt* TokenReader::make(Do what, uint32_t line) {
  return &program_.stmts.emplace_back(Stmt{.what = what, .line = line});
}

void TokenReader::give(Expr* call, CallArguments arguments) {
  for (const Expr* argument : arguments.positional) deepen(call, argument);
  for (const Keyword& keyword : arguments.keywords) deepen(call, keyword.value);
  deepen(call, arguments.rest);
  deepen(call, arguments.keyword_rest);
  call->arguments = std::move(arguments);
}

void parse_statements(TokenReader& reader, Program& program) {
  StatementParser(reader, program).run();
}

}  // namespace llmos::jinja
