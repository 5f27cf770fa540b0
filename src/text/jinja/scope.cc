// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/scope.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "text/jinja/builtins.h"
#include "text/jinja/failure.h"

namespace llmos::jinja {

namespace {

// Calls `visit` for each expression directly below `expr`, in the order of the original's nodes.
template <class Visit>
void for_each_child(const Expr& expr, const Visit& visit) {
  for (Expr* item : expr.items) {
    if (item) visit(*item);
  }
  const auto visit_argument = [&](const Expr* argument) {
    if (argument) visit(*const_cast<Expr*>(argument));
  };
  for (const Expr* argument : expr.arguments.positional) visit_argument(argument);
  for (const Keyword& keyword : expr.arguments.keywords) visit_argument(keyword.value);
  visit_argument(expr.arguments.rest);
  visit_argument(expr.arguments.keyword_rest);
}

// Whether a body uses a name before it assigns it, at any depth.
class UseFinder {
 public:
  explicit UseFinder(std::string_view name) : name_(name) {}

  bool used_in(const std::vector<Stmt*>& body) {
    for (const Stmt* stmt : body) statement(*stmt);
    return used_;
  }

 private:
  void statement(const Stmt& stmt) {
    if (used_ || assigned_) return;
    if (stmt.target) target(*stmt.target);
    for (const Expr* each : stmt.targets) target(*each);
    for (const std::string_view parameter : stmt.parameters) assign(parameter);
    for (const Expr* each : stmt.defaults) expression(*each);
    for (size_t i = 0; i < stmt.exprs.size(); ++i) {
      if (stmt.exprs[i]) expression(*stmt.exprs[i]);
      if (i < stmt.branches.size()) used_in(stmt.branches[i]);
    }
    used_in(stmt.body);
    used_in(stmt.other);
  }

  void assign(std::string_view name) { assigned_ |= !used_ && name == name_; }

  void target(const Expr& expr) {
    if (expr.op == Op::kName) assign(expr.name);
    for (const Expr* item : expr.items) target(*item);
  }

  void expression(const Expr& expr) {
    if (used_ || assigned_) return;
    if (expr.op == Op::kName && expr.name == name_) used_ = true;
    for_each_child(expr, [&](const Expr& child) { expression(child); });
  }

  const std::string_view name_;
  bool used_ = false;
  bool assigned_ = false;
};

bool uses(const std::vector<Stmt*>& body, std::string_view name) {
  return UseFinder(name).used_in(body);
}

// The names of one frame while it is being built.
class Symbols {
 public:
  Symbols(const Symbols* parent, Frame& frame) : parent_(parent), frame_(frame) {}

  void parameter(std::string_view name) {
    const auto [place, added] = slots_.try_emplace(name, frame_.loads.size());
    if (added) {
      frame_.loads.push_back({Load::How::kParameter, name, {}});
    } else {
      frame_.loads[place->second].how = Load::How::kParameter;
    }
  }

  void load(std::string_view name) {
    if (!find(name)) add({Load::How::kContext, name, {}});
  }

  // `certain`: in every run of the frame, so not inside an if.
  void store(std::string_view name, bool certain) {
    if (slots_.contains(name)) return;
    if (const auto outer = parent_ ? parent_->find(name) : std::nullopt) {
      add({Load::How::kOuter, name, {outer->hops + 1, outer->index}});
    } else {
      add({certain ? Load::How::kNothing : Load::How::kContext, name, {}});
    }
  }

  std::optional<Slot> find(std::string_view name) const {
    uint32_t hops = 0;
    for (const Symbols* at = this; at; at = at->parent_, ++hops) {
      const auto found = at->slots_.find(name);
      if (found != at->slots_.end()) return Slot{hops, found->second};
    }
    return std::nullopt;
  }

  const Frame& frame() const { return frame_; }

 private:
  void add(const Load& load) {
    slots_.emplace(load.name, uint32_t(frame_.loads.size()));
    frame_.loads.push_back(load);
  }

  const Symbols* const parent_;
  Frame& frame_;
  std::unordered_map<std::string_view, uint32_t> slots_;
};

// What the frames of a program have in common.
class Resolver {
 public:
  explicit Resolver(Program& program) : program_(program) {}

  void run() {
    Symbols root = inner(nullptr);
    collect(root, program_.body, true);
    program_.frame = &root.frame();
    resolve(root, program_.body, false);
  }

 private:
  Symbols inner(const Symbols* parent) { return Symbols(parent, program_.frames.emplace_back()); }

  // First pass over a frame: the names that it uses and assigns, in their order, without those of
  // the frames inside.
  void collect(Symbols& symbols, const std::vector<Stmt*>& body, bool certain) {
    for (const Stmt* stmt : body) collect(symbols, *stmt, certain);
  }

  void collect(Symbols& symbols, const Stmt& stmt, bool certain) {
    switch (stmt.what) {
      case Do::kIf:
        for (size_t i = 0; i < stmt.exprs.size(); ++i) {
          collect(symbols, *stmt.exprs[i]);
          collect(symbols, stmt.branches[i], false);
        }
        return collect(symbols, stmt.other, false);
      case Do::kSetBlock:
        return collect_target(symbols, *stmt.target, certain);
      case Do::kMacro:
        return symbols.store(stmt.text, certain);
      case Do::kFor:
        return collect(symbols, *stmt.exprs[0]);
      default:
        for (const Expr* expr : stmt.exprs) collect(symbols, *expr);
        if (stmt.target) collect_target(symbols, *stmt.target, certain);
    }
  }

  void collect(Symbols& symbols, const Expr& expr) {
    if (expr.op == Op::kName) symbols.load(expr.name);
    for_each_child(expr, [&](const Expr& child) { collect(symbols, child); });
  }

  void collect_target(Symbols& symbols, const Expr& expr, bool certain) {
    if (expr.op == Op::kName) symbols.store(expr.name, certain);
    if (expr.op == Op::kNamespaceItem) symbols.load(expr.name);
    for (const Expr* item : expr.items) collect_target(symbols, *item, certain);
  }

  void collect_parameters(Symbols& symbols, const Expr& target) {
    if (target.op == Op::kName) symbols.parameter(target.name);
    for (const Expr* item : target.items) collect_parameters(symbols, *item);
  }

  // Second pass: every name gets its slot, every frame inside is built. `soft`: inside an if, where
  // a filter that does not exist is an error only when it is reached.
  void resolve(const Symbols& symbols, const std::vector<Stmt*>& body, bool soft) {
    for (Stmt* stmt : body) resolve(symbols, *stmt, soft);
  }

  void resolve(const Symbols& symbols, Stmt& stmt, bool soft) {
    switch (stmt.what) {
      case Do::kIf:
        for (size_t i = 0; i < stmt.exprs.size(); ++i) {
          resolve(symbols, *stmt.exprs[i], true);
          resolve(symbols, stmt.branches[i], true);
        }
        return resolve(symbols, stmt.other, true);
      case Do::kFor:
        return resolve_for(symbols, stmt, soft);
      case Do::kSetBlock:
        resolve(symbols, *stmt.target, soft);
        return resolve_block(symbols, stmt, stmt.exprs[0]);
      case Do::kFilterBlock:
        return resolve_block(symbols, stmt, stmt.exprs[0]);
      case Do::kWith:
        return resolve_with(symbols, stmt, soft);
      case Do::kMacro:
        stmt.slot = *symbols.find(stmt.text);
        return resolve_macro(symbols, stmt);
      case Do::kCallBlock:
        resolve(symbols, *stmt.exprs[0], soft);
        return resolve_macro(symbols, stmt);
      case Do::kGeneration:
        return resolve_macro(symbols, stmt);
      default:
        for (Expr* expr : stmt.exprs) resolve(symbols, *expr, soft);
        if (stmt.target) resolve(symbols, *stmt.target, soft);
    }
  }

  void resolve(const Symbols& symbols, Expr& expr, bool soft) {
    if (expr.op == Op::kName || expr.op == Op::kNamespaceItem) {
      expr.slot = symbols.find(expr.name).value_or(Slot());
    }
    if (expr.op == Op::kFilter) expr.filter = find_filter(expr.name);
    if (expr.op == Op::kTest) expr.test = find_test(expr.name);
    const bool unknown =
        (expr.op == Op::kFilter && !expr.filter) || (expr.op == Op::kTest && !expr.test);
    if (unknown && !soft) {
      throw Failure{Code::kCorrupt,
                    (Text() << "there is no " << (expr.op == Op::kFilter ? "filter" : "test")
                            << " named '" << expr.name << "'")
                        .str(),
                    expr.line};
    }
    const bool softer = soft || expr.op == Op::kCondition;
    for_each_child(expr, [&](Expr& child) { resolve(symbols, child, softer); });
  }

  void resolve_for(const Symbols& symbols, Stmt& stmt, bool soft) {
    resolve(symbols, *stmt.exprs[0], soft);
    stmt.extended = stmt.recursive || uses(stmt.body, "loop");
    check_loop_variable(stmt);
    if (stmt.exprs[1]) {
      Symbols test = inner(&symbols);
      collect_parameters(test, *stmt.target);
      collect(test, *stmt.exprs[1]);
      stmt.test_frame = &test.frame();
      stmt.test_target = clone(*stmt.target);
      resolve(test, *stmt.test_target, false);
      resolve(test, *stmt.exprs[1], false);
    }
    Symbols body = inner(&symbols);
    if (stmt.extended) body.parameter("loop");
    collect_parameters(body, *stmt.target);
    collect(body, stmt.body, true);
    stmt.frame = &body.frame();
    resolve(body, *stmt.target, false);
    resolve(body, stmt.body, false);
    if (!stmt.has_other) return;
    Symbols other = inner(&symbols);
    collect(other, stmt.other, true);
    stmt.other_frame = &other.frame();
    resolve(other, stmt.other, false);
  }

  void resolve_block(const Symbols& symbols, Stmt& stmt, Expr* filter) {
    Symbols block = inner(&symbols);
    collect(block, stmt.body, true);
    if (filter) collect(block, *filter);
    stmt.frame = &block.frame();
    resolve(block, stmt.body, false);
    if (filter) resolve(block, *filter, false);
  }

  void resolve_with(const Symbols& symbols, Stmt& stmt, bool soft) {
    for (Expr* expr : stmt.exprs) resolve(symbols, *expr, soft);
    Symbols block = inner(&symbols);
    for (Expr* target : stmt.targets) collect_parameters(block, *target);
    collect(block, stmt.body, true);
    stmt.frame = &block.frame();
    for (Expr* target : stmt.targets) resolve(block, *target, false);
    resolve(block, stmt.body, false);
  }

  // Macros, the caller of a call block, and generation blocks, which the original runs as one.
  void resolve_macro(const Symbols& symbols, Stmt& stmt) {
    const auto& parameters = stmt.parameters;
    const auto given = [&](std::string_view name) {
      return std::find(parameters.begin(), parameters.end(), name) != parameters.end();
    };
    const bool uses_caller = uses(stmt.body, "caller");
    stmt.takes_caller = uses_caller && !given("caller");
    stmt.takes_kwargs = uses(stmt.body, "kwargs") && !given("kwargs");
    stmt.takes_varargs = uses(stmt.body, "varargs") && !given("varargs");
    if (uses_caller && given("caller") && !has_default(stmt, "caller")) {
      throw Failure{Code::kCorrupt, "the parameter 'caller' needs a default", stmt.line};
    }
    Symbols body = inner(&symbols);
    for (const std::string_view parameter : parameters) body.parameter(parameter);
    if (stmt.takes_caller) body.parameter("caller");
    if (stmt.takes_kwargs) body.parameter("kwargs");
    if (stmt.takes_varargs) body.parameter("varargs");
    for (const Expr* expr : stmt.defaults) collect(body, *expr);
    collect(body, stmt.body, true);
    stmt.frame = &body.frame();
    for (Expr* expr : stmt.defaults) resolve(body, *expr, false);
    resolve(body, stmt.body, false);
  }

  static bool has_default(const Stmt& stmt, std::string_view name) {
    const auto& parameters = stmt.parameters;
    const auto first = parameters.end() - ptrdiff_t(stmt.defaults.size());
    return std::find(first, parameters.end(), name) != parameters.end();
  }

  Expr* clone(const Expr& expr) {
    Expr* const copy = &program_.exprs.emplace_back(expr);
    for (Expr*& item : copy->items) item = clone(*item);
    return copy;
  }

  // Nothing inside a loop may assign to `loop`.
  void check_loop_variable(const Stmt& stmt) {
    if (stmt.target) check_not_loop(*stmt.target);
    for (const Expr* target : stmt.targets) check_not_loop(*target);
    for (const auto& branch : stmt.branches) check_loop_variable(branch);
    check_loop_variable(stmt.body);
    check_loop_variable(stmt.other);
  }

  void check_loop_variable(const std::vector<Stmt*>& body) {
    for (const Stmt* stmt : body) check_loop_variable(*stmt);
  }

  static void check_not_loop(const Expr& target) {
    if (target.op == Op::kName && target.name == "loop") {
      throw Failure{Code::kCorrupt, "cannot assign to 'loop' inside a loop", target.line};
    }
    for (const Expr* item : target.items) check_not_loop(*item);
  }

  Program& program_;
};

}  // namespace

void resolve_names(Program& program) { Resolver(program).run(); }

}  // namespace llmos::jinja
