// SPDX-License-Identifier: Apache-2.0
// Statements; expressions are in evaluation.cc.
#include "text/jinja/interpreter.h"

#include <utility>

#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/iterator.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

// The items of a loop that pass its `if`, tested when they are asked for.
class FilteredItems final : public Iterator {
 public:
  FilteredItems(Interpreter& interpreter, const Stmt& loop, Scope& outer, Iterator& items)
      : interpreter_(interpreter), loop_(loop), outer_(outer), items_(items) {}

  Value next() override {
    if (!scope_) scope_ = &interpreter_.open_scope(*loop_.test_frame, &outer_);
    for (;;) {
      const Value item = items_.next();
      if (item.missing()) return item;
      interpreter_.assign(*loop_.test_target, *scope_, item);
      if (truth(interpreter_.evaluate(*loop_.exprs[1], *scope_)))
        return assigned(*loop_.test_target);
    }
  }

 private:
  // The item as the target took it apart: a tuple, whatever it was.
  Value assigned(const Expr& target) {
    if (target.op == Op::kName) return interpreter_.variable(*scope_, target.slot);
    std::vector<Value> parts;
    for (const Expr* part : target.items) parts.push_back(assigned(*part));
    return interpreter_.heap_.tuple(std::move(parts));
  }

  Interpreter& interpreter_;
  const Stmt& loop_;
  Scope& outer_;
  Iterator& items_;
  Scope* scope_ = nullptr;
};

std::string Interpreter::run() {
  std::string text;
  out_ = &text;
  try {
    Scope& scope = open_scope(*program_.frame, nullptr);
    run(program_.body, scope);
  } catch (Failure& failure) {
    if (failure.line == 0) failure.line = line_;
    throw;
  }
  return text;
}

void Interpreter::write(std::string_view text) {
  if (text.size() > output_max_ - std::min(output_max_, out_->size())) {
    fail_limit(Text() << "the template wrote more than " << bytes_text(output_max_)
                      << "; raise ChatTemplateLimits::output_bytes_max if it is trusted");
  }
  heap_.scan(text.size());
  out_->append(text);
}

// Blocks, unlike {{ }}, do not turn what they get into text.
void Interpreter::write_string(const Value& value) {
  if (!value.is_string()) {
    fail_type(Text() << "expected a string from a filter or call block, found "
                     << type_name(value));
  }
  write(value.text());
}

Scope& Interpreter::open_scope(const Frame& frame, Scope* parent) {
  heap_.charge(frame.loads.size() * sizeof(Value));
  Scope* const scope = heap_.make<Scope>();
  scope->parent = parent;
  scope->slots.resize(frame.loads.size());
  load_scope(frame, *scope);
  return *scope;
}

void Interpreter::load_scope(const Frame& frame, Scope& scope) {
  heap_.step(frame.loads.size());
  for (size_t i = 0; i < frame.loads.size(); ++i) {
    const Load& load = frame.loads[i];
    switch (load.how) {
      case Load::How::kParameter:
        break;
      case Load::How::kContext:
        scope.slots[i] = from_context(load.name);
        break;
      case Load::How::kOuter:
        scope.slots[i] = variable(scope, load.outer);
        break;
      case Load::How::kNothing:
        scope.slots[i] = Value();
        break;
    }
  }
}

Value Interpreter::from_context(std::string_view name) const {
  if (const Value* const value = context_.find(name)) return *value;
  const Function* const function = find_function(name);
  return function ? Value::object(Kind::kFunction, function) : Value();
}

Value& Interpreter::variable(Scope& scope, Slot slot) {
  Scope* at = &scope;
  for (uint32_t i = 0; i < slot.hops; ++i) at = at->parent;
  return at->slots[slot.index];
}

Interpreter::Flow Interpreter::run(const std::vector<Stmt*>& body, Scope& scope) {
  for (const Stmt* stmt : body) {
    const Flow flow = run(*stmt, scope);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const Stmt& stmt, Scope& scope) {
  const Depth depth(heap_);
  heap_.step();
  line_ = stmt.line;
  switch (stmt.what) {
    case Do::kText:
      write(stmt.text);
      break;
    case Do::kPrint:
      run_print(stmt, scope);
      break;
    case Do::kIf:
      return run_if(stmt, scope);
    case Do::kFor: {
      const Value over = evaluate(*stmt.exprs[0], scope);
      if (!stmt.recursive) return run_for(stmt, scope, over, 0);
      run_recursive_for(stmt, scope, over);
      break;
    }
    case Do::kSet:
      check_namespaces(*stmt.target, scope);
      assign(*stmt.target, scope, evaluate(*stmt.exprs[0], scope));
      break;
    case Do::kSetBlock:
      return run_set_block(stmt, scope);
    case Do::kMacro:
      variable(scope, stmt.slot) = make_macro(stmt, scope);
      break;
    case Do::kCallBlock:
      run_call_block(stmt, scope);
      break;
    case Do::kFilterBlock:
      return run_filter_block(stmt, scope);
    case Do::kWith:
      return run_with(stmt, scope);
    case Do::kGeneration:
      run_generation(stmt, scope);
      break;
    case Do::kBreak:
      return Flow::kBreak;
    case Do::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

void Interpreter::run_print(const Stmt& stmt, Scope& scope) {
  for (const Expr* expr : stmt.exprs) write(str(heap_, evaluate(*expr, scope)));
}

Interpreter::Flow Interpreter::run_if(const Stmt& stmt, Scope& scope) {
  for (size_t i = 0; i < stmt.exprs.size(); ++i) {
    if (truth(evaluate(*stmt.exprs[i], scope))) return run(stmt.branches[i], scope);
  }
  return run(stmt.other, scope);
}

Interpreter::Flow Interpreter::run_for(const Stmt& stmt, Scope& outer, const Value& over,
                                       Int depth0) {
  Value items = over;
  if (stmt.exprs[1]) {
    items = Value::object(Kind::kIterator,
                          heap_.make<FilteredItems>(*this, stmt, outer, iterate(heap_, over)));
  }
  Loop* const loop = heap_.make<Loop>(heap_, items);
  loop->depth0 = depth0;
  if (stmt.recursive) {
    loop->statement = &stmt;
    loop->scope = &outer;
  }
  heap_.charge(stmt.frame->loads.size() * sizeof(Value));
  Scope* const scope = heap_.make<Scope>();
  scope->parent = &outer;
  scope->slots.resize(stmt.frame->loads.size());
  // As in the original, the else part runs unless a pass reached the end of the body: a `continue`
  // does not count.
  bool completed = false;
  for (Value item = loop->next(); !item.missing(); item = loop->next()) {
    assign(*stmt.target, *scope, item);
    if (stmt.extended) scope->slots[0] = Value::object(Kind::kLoop, loop);
    load_scope(*stmt.frame, *scope);
    const Flow flow = run(stmt.body, *scope);
    if (flow == Flow::kBreak) break;
    completed |= flow == Flow::kNext;
    line_ = stmt.line;
  }
  if (completed || !stmt.has_other) return Flow::kNext;
  return run(stmt.other, open_scope(*stmt.other_frame, &outer));
}

void Interpreter::run_recursive_for(const Stmt& stmt, Scope& scope, const Value& over) {
  const Recursion recursion(*this);
  std::string text;
  {
    Capture capture(*this);
    run_for(stmt, scope, over, 0);
    text = capture.take();
  }
  write(text);
}

void Interpreter::fail_recursion() {
  fail_limit(Text() << "expected at most " << kRecursionMax
                    << " macros and recursive loops in each other, found more");
}

Interpreter::Flow Interpreter::run_set_block(const Stmt& stmt, Scope& scope) {
  Scope& inner = open_scope(*stmt.frame, &scope);
  Capture capture(*this);
  const Flow flow = run(stmt.body, inner);
  if (flow != Flow::kNext) return flow;
  Value text = heap_.string(capture.take());
  if (stmt.exprs[0]) text = evaluate_filter(*stmt.exprs[0], inner, &text);
  // A block does not check for namespaces: what is none cannot be assigned to anyway.
  assign(*stmt.target, scope, text);
  return flow;
}

Interpreter::Flow Interpreter::run_filter_block(const Stmt& stmt, Scope& scope) {
  Scope& inner = open_scope(*stmt.frame, &scope);
  Value text;
  {
    Capture capture(*this);
    const Flow flow = run(stmt.body, inner);
    if (flow != Flow::kNext) return flow;
    text = heap_.string(capture.take());
  }
  write_string(evaluate_filter(*stmt.exprs[0], inner, &text));
  return Flow::kNext;
}

void Interpreter::run_call_block(const Stmt& stmt, Scope& scope) {
  const Value caller = make_macro(stmt, scope);
  write_string(evaluate_call(*stmt.exprs[0], scope, caller));
}

Interpreter::Flow Interpreter::run_with(const Stmt& stmt, Scope& scope) {
  Scope& inner = open_scope(*stmt.frame, &scope);
  for (size_t i = 0; i < stmt.targets.size(); ++i) {
    assign(*stmt.targets[i], inner, evaluate(*stmt.exprs[i], scope));
  }
  return run(stmt.body, inner);
}

void Interpreter::run_generation(const Stmt& stmt, Scope& scope) {
  Scope& inner = open_scope(*stmt.frame, &scope);
  Arguments none;
  bind_macro(stmt, inner, none);
  run(stmt.body, inner);
}

Value Interpreter::make_macro(const Stmt& stmt, Scope& scope) {
  Macro* const macro = heap_.make<Macro>();
  macro->definition = &stmt;
  macro->scope = &scope;
  return Value::object(Kind::kMacro, macro);
}

Value Interpreter::run_macro(const Macro& macro, Arguments arguments) {
  const Recursion recursion(*this);
  const Stmt& stmt = *macro.definition;
  Scope& scope = open_scope(*stmt.frame, macro.scope);
  Capture capture(*this);
  bind_macro(stmt, scope, arguments);
  run(stmt.body, scope);
  return heap_.string(capture.take());
}

void Interpreter::bind_macro(const Stmt& stmt, Scope& scope, Arguments& arguments) {
  const size_t count = stmt.parameters.size();
  auto& given = arguments.positional;
  bool caller_given = false;
  for (size_t i = 0; i < count; ++i) {
    scope.slots[i] = i < given.size() ? given[i] : arguments.take(stmt.parameters[i]);
    caller_given |= stmt.parameters[i] == "caller";
  }
  size_t next = count;
  if (stmt.takes_caller) {
    const Value caller = caller_given ? Value() : arguments.take("caller");
    scope.slots[next++] = caller.missing() || caller.is_none()
                              ? Value::undefined(Lack::kHint, "No caller defined")
                              : caller;
  }
  if (stmt.takes_kwargs) {
    std::vector<Dict::Entry> entries;
    for (const Arguments::Named& named : arguments.keywords) {
      entries.push_back({Value::string(named.name), named.value});
    }
    scope.slots[next++] = heap_.dict(std::move(entries));
  } else if (!arguments.keywords.empty()) {
    fail_type(Text() << "macro '" << stmt.text << "' takes no keyword argument '"
                     << arguments.keywords[0].name << "'");
  }
  if (stmt.takes_varargs) {
    const size_t used = std::min(count, given.size());
    scope.slots[next++] = heap_.tuple({given.begin() + ptrdiff_t(used), given.end()});
  } else if (given.size() > count) {
    fail_type(Text() << "macro '" << stmt.text << "' takes not more than " << count
                     << " argument(s)");
  }
  const size_t first_default = count - stmt.defaults.size();
  for (size_t i = 0; i < count; ++i) {
    if (!scope.slots[i].missing()) continue;
    scope.slots[i] = i >= first_default ? evaluate(*stmt.defaults[i - first_default], scope)
                                        : Value::undefined(Lack::kVariable, stmt.parameters[i]);
  }
}

void Interpreter::check_namespaces(const Expr& target, Scope& scope) {
  for (const Expr* item : target.items) check_namespaces(*item, scope);
  if (target.op == Op::kNamespaceItem && !variable(scope, target.slot).is(Kind::kNamespace)) {
    fail(Text() << "cannot assign to an attribute of '" << target.name
                << "', which is no namespace");
  }
}

void Interpreter::assign(const Expr& target, Scope& scope, const Value& value) {
  if (target.op == Op::kName) {
    variable(scope, target.slot) = value;
  } else if (target.op == Op::kNamespaceItem) {
    const Value& names = variable(scope, target.slot);
    if (!names.is(Kind::kNamespace)) {
      fail(Text() << "cannot assign to an attribute of '" << target.name
                  << "', which is no namespace");
    }
    set_name(heap_, names.names(), target.constant.text(), value);
  } else {
    Iterator& items = iterate(heap_, value);
    std::vector<Value> parts;
    for (size_t i = 0; i <= target.items.size(); ++i) {
      const Value item = items.next();
      if (item.missing()) break;
      parts.push_back(item);
    }
    if (parts.size() != target.items.size()) {
      fail_value(Text() << "expected " << target.items.size() << " values to unpack, found "
                        << (parts.size() > target.items.size() ? "more" : "fewer"));
    }
    for (size_t i = 0; i < parts.size(); ++i) assign(*target.items[i], scope, parts[i]);
  }
}

void set_name(Heap& heap, Namespace& names, std::string_view name, const Value& value) {
  heap.step(names.entries.size() / 8);
  for (Namespace::Entry& entry : names.entries) {
    if (entry.name != name) continue;
    entry.value = value;
    return;
  }
  heap.charge(sizeof(Namespace::Entry));
  names.entries.push_back({name, value});
}

}  // namespace llmos::jinja
