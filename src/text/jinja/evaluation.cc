// SPDX-License-Identifier: Apache-2.0
// Expressions; statements are in interpreter.cc.
#include <utility>

#include "text/jinja/attributes.h"
#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/parser.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

Value Interpreter::evaluate(const Expr& expr, Scope& scope) {
  const Depth depth(heap_);
  heap_.step();
  switch (expr.op) {
    case Op::kConst:
      return expr.constant;
    case Op::kName:
    case Op::kNamespaceItem:
      return evaluate_name(expr, scope);
    case Op::kTuple:
    case Op::kList:
      return evaluate_list(expr, scope);
    case Op::kDict:
      return evaluate_dict(expr, scope);
    case Op::kAttribute: {
      const Value owner = evaluate(*expr.items[0], scope);
      line_ = expr.line;
      return get_attribute(heap_, owner, expr.name);
    }
    case Op::kItem: {
      const Value owner = evaluate(*expr.items[0], scope);
      const Value key = evaluate(*expr.items[1], scope);
      line_ = expr.line;
      return get_item(heap_, owner, key);
    }
    case Op::kSlice:
      return evaluate_slice(expr, scope);
    case Op::kCall:
      return evaluate_call(expr, scope, Value());
    case Op::kFilter:
      return evaluate_filter(expr, scope, nullptr);
    case Op::kTest:
      return evaluate_test(expr, scope);
    case Op::kCondition:
      return evaluate_condition(expr, scope);
    case Op::kOr: {
      const Value left = evaluate(*expr.items[0], scope);
      return truth(left) ? left : evaluate(*expr.items[1], scope);
    }
    case Op::kAnd: {
      const Value left = evaluate(*expr.items[0], scope);
      return truth(left) ? evaluate(*expr.items[1], scope) : left;
    }
    case Op::kNot:
      return Value::boolean(!truth(evaluate(*expr.items[0], scope)));
    case Op::kCompare:
      return evaluate_comparison(expr, scope);
    case Op::kConcat:
      return evaluate_concatenation(expr, scope);
    default:
      return evaluate_arithmetic(expr, scope);
  }
}

Value Interpreter::evaluate_name(const Expr& expr, Scope& scope) {
  const Value& value = variable(scope, expr.slot);
  return value.missing() ? Value::undefined(Lack::kVariable, expr.name) : value;
}

Value Interpreter::evaluate_list(const Expr& expr, Scope& scope) {
  std::vector<Value> items;
  items.reserve(expr.items.size());
  for (const Expr* item : expr.items) items.push_back(evaluate(*item, scope));
  return expr.op == Op::kTuple ? heap_.tuple(std::move(items)) : heap_.list(std::move(items));
}

Value Interpreter::evaluate_dict(const Expr& expr, Scope& scope) {
  std::vector<Dict::Entry> entries;
  entries.reserve(expr.items.size() / 2);
  for (size_t i = 0; i + 1 < expr.items.size(); i += 2) {
    const Value key = evaluate(*expr.items[i], scope);
    entries.push_back({key, evaluate(*expr.items[i + 1], scope)});
  }
  return heap_.dict(std::move(entries));
}

Value Interpreter::evaluate_slice(const Expr& expr, Scope& scope) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i) {
    if (expr.items[i]) parts[i] = evaluate(*expr.items[i], scope);
  }
  line_ = expr.line;
  return get_slice(heap_, parts[0], parts[1], parts[2], parts[3]);
}

// `caller` of a call block, or kMissing.
Arguments Interpreter::evaluate_arguments(const CallArguments& arguments, Scope& scope,
                                          const Value& caller) {
  Arguments made;
  for (const Expr* expr : arguments.positional) made.positional.push_back(evaluate(*expr, scope));
  for (const Keyword& keyword : arguments.keywords) {
    made.keywords.push_back({keyword.name, evaluate(*keyword.value, scope)});
  }
  if (!caller.missing()) made.keywords.push_back({"caller", caller});
  if (arguments.rest) {
    for (const Value& item : collect(heap_, evaluate(*arguments.rest, scope))) {
      made.positional.push_back(item);
    }
  }
  if (!arguments.keyword_rest) return made;
  const Value rest = evaluate(*arguments.keyword_rest, scope);
  if (!rest.is(Kind::kDict))
    fail_type(Text() << "expected a dict behind **, found " << type_name(rest));
  if (rest.dict().entries.size() > kKeywordsMax) fail_limit(Text() << "too many arguments");
  for (const Dict::Entry& entry : rest.dict().entries) {
    if (!entry.key.is_string()) fail_type(Text() << "the keys behind ** must be strings");
    for (const Arguments::Named& named : made.keywords) {
      if (named.name == entry.key.text()) {
        fail_type(Text() << "the argument '" << named.name << "' was given twice");
      }
    }
    made.keywords.push_back({entry.key.text(), entry.value});
  }
  return made;
}

Value Interpreter::evaluate_call(const Expr& expr, Scope& scope, const Value& caller) {
  const Value callee = evaluate(*expr.items[0], scope);
  Arguments arguments = evaluate_arguments(expr.arguments, scope, caller);
  line_ = expr.line;
  return call(callee, std::move(arguments));
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
  switch (callee.kind()) {
    case Kind::kMacro:
      return run_macro(callee.macro(), std::move(arguments));
    case Kind::kFunction:
      return apply(callee.function(), std::move(arguments));
    case Kind::kMethod: {
      auto& positional = arguments.positional;
      positional.insert(positional.begin(), callee.method().self);
      return apply(*callee.method().builtin, std::move(arguments));
    }
    case Kind::kLoop:
      return call_loop(callee.loop(), std::move(arguments));
    default:
      fail_if_undefined(callee);
      fail_type(Text() << type_name(callee) << " cannot be called");
  }
}

Value Interpreter::apply(const Builtin& builtin, Arguments arguments) {
  const Depth depth(heap_);
  bind(builtin, arguments);
  return builtin.run(*this, arguments);
}

Value Interpreter::filter(std::string_view name, Arguments arguments) {
  const FilterSpec* const spec = find_filter(name);
  if (!spec) fail(Text() << "there is no filter named '" << name << "'");
  return apply(*spec, std::move(arguments));
}

bool Interpreter::test(std::string_view name, Arguments arguments) {
  const TestSpec* const spec = find_test(name);
  if (!spec) fail(Text() << "there is no test named '" << name << "'");
  return truth(apply(*spec, std::move(arguments)));
}

// `text`: what a block filter is applied to, where the expression has nothing of its own.
Value Interpreter::evaluate_filter(const Expr& expr, Scope& scope, const Value* text) {
  const Depth depth(heap_);
  Expr* const inner = expr.items[0];
  const Value value = !inner ? *text
                      : text ? evaluate_filter(*inner, scope, text)
                             : evaluate(*inner, scope);
  Arguments arguments = evaluate_arguments(expr.arguments, scope);
  line_ = expr.line;
  if (!expr.filter) fail(Text() << "there is no filter named '" << expr.name << "'");
  arguments.positional.insert(arguments.positional.begin(), value);
  return apply(*expr.filter, std::move(arguments));
}

Value Interpreter::evaluate_test(const Expr& expr, Scope& scope) {
  const Value value = evaluate(*expr.items[0], scope);
  Arguments arguments = evaluate_arguments(expr.arguments, scope);
  line_ = expr.line;
  if (!expr.test) fail(Text() << "there is no test named '" << expr.name << "'");
  arguments.positional.insert(arguments.positional.begin(), value);
  return apply(*expr.test, std::move(arguments));
}

Value Interpreter::evaluate_condition(const Expr& expr, Scope& scope) {
  if (truth(evaluate(*expr.items[0], scope))) return evaluate(*expr.items[1], scope);
  if (expr.items[2]) return evaluate(*expr.items[2], scope);
  return Value::undefined(Lack::kHint,
                          "the inline if-expression evaluated to false and no else section was "
                          "defined.");
}

bool Interpreter::compare(Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Comparison::kEqual:
      return equal(heap_, a, b);
    case Comparison::kNotEqual:
      return !equal(heap_, a, b);
    case Comparison::kLess:
      return less(heap_, a, b);
    case Comparison::kLessEqual:
      return less_or_equal(heap_, a, b);
    case Comparison::kGreater:
      return less(heap_, b, a);
    case Comparison::kGreaterEqual:
      return less_or_equal(heap_, b, a);
    case Comparison::kIn:
      return contains(heap_, b, a);
    case Comparison::kNotIn:
      break;
  }
  return !contains(heap_, b, a);
}

Value Interpreter::evaluate_comparison(const Expr& expr, Scope& scope) {
  Value left = evaluate(*expr.items[0], scope);
  for (size_t i = 0; i < expr.comparisons.size(); ++i) {
    const Value right = evaluate(*expr.items[i + 1], scope);
    line_ = expr.line;
    if (!compare(expr.comparisons[i], left, right)) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_concatenation(const Expr& expr, Scope& scope) {
  std::string text;
  for (const Expr* item : expr.items) {
    const Value value = evaluate(*item, scope);
    heap_.charge(value.is_string() ? value.text().size() : 0);
    append_str(heap_, text, value);
  }
  return heap_.string(std::move(text));
}

Value Interpreter::evaluate_arithmetic(const Expr& expr, Scope& scope) {
  const Value left = evaluate(*expr.items[0], scope);
  if (expr.op == Op::kNegate || expr.op == Op::kPlus) {
    line_ = expr.line;
    return expr.op == Op::kNegate ? negate(left) : positive(left);
  }
  const Value right = evaluate(*expr.items[1], scope);
  line_ = expr.line;
  return arithmetic(heap_, expr.op, left, right);
}

Value Interpreter::call_loop(Loop& loop, Arguments arguments) {
  static constexpr Builtin kLoop = {"loop", "iterable", nullptr};
  bind(kLoop, arguments);
  if (!loop.statement) fail_type(Text() << "only a loop marked 'recursive' can be called");
  const Recursion recursion(*this);
  Capture capture(*this);
  run_for(*static_cast<const Stmt*>(loop.statement), *static_cast<Scope*>(loop.scope),
          arguments.positional[0], loop.depth0 + 1);
  return heap_.string(capture.take());
}

}  // namespace llmos::jinja
