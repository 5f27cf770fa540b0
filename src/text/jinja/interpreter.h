// SPDX-License-Identifier: Apache-2.0
// Runs a Program over a context.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/callable.h"
#include "text/jinja/heap.h"
#include "text/jinja/time.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// Macros and recursive loops in each other. Python stops at about 200, and real templates, which
// describe nested JSON schemas, stay below 20.
inline constexpr int kRecursionMax = 100;

// One render; used once, by one thread. Failure (thrown) carries the line where it arose.
class Interpreter {
 public:
  Interpreter(const Program& program, Heap& heap, const Dict& context, LocalTime now,
              size_t output_bytes_max)
      : program_(program),
        heap_(heap),
        context_(context),
        now_(now),
        output_max_(output_bytes_max) {}

  std::string run();

  // For builtins.
  Heap& heap() { return heap_; }
  LocalTime now() const { return now_; }
  Value call(const Value& callee, Arguments arguments);
  Value apply(const Builtin& builtin, Arguments arguments);
  Value filter(std::string_view name, Arguments arguments);
  bool test(std::string_view name, Arguments arguments);

 private:
  friend class FilteredItems;
  enum class Flow : uint8_t { kNext, kBreak, kContinue };

  // Sends output into a string of its own while it lives.
  class Capture {
   public:
    explicit Capture(Interpreter& interpreter)
        : interpreter_(interpreter), outer_(std::exchange(interpreter.out_, &text_)) {}
    ~Capture() { interpreter_.out_ = outer_; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    std::string take() { return std::move(text_); }

   private:
    Interpreter& interpreter_;
    std::string text_;
    std::string* const outer_;
  };

  // One more macro or recursive loop inside another while it lives.
  class Recursion {
   public:
    explicit Recursion(Interpreter& interpreter) : interpreter_(interpreter) {
      if (++interpreter.recursion_ > kRecursionMax) interpreter.fail_recursion();
    }
    ~Recursion() { --interpreter_.recursion_; }
    Recursion(const Recursion&) = delete;
    Recursion& operator=(const Recursion&) = delete;

   private:
    Interpreter& interpreter_;
  };
  [[noreturn]] void fail_recursion();

  Flow run(const std::vector<Stmt*>& body, Scope& scope);
  Flow run(const Stmt& stmt, Scope& scope);
  Flow run_if(const Stmt& stmt, Scope& scope);
  Flow run_for(const Stmt& stmt, Scope& outer, const Value& over, Int depth0);
  void run_print(const Stmt& stmt, Scope& scope);
  Flow run_set_block(const Stmt& stmt, Scope& scope);
  Flow run_filter_block(const Stmt& stmt, Scope& scope);
  void run_recursive_for(const Stmt& stmt, Scope& scope, const Value& over);
  void run_call_block(const Stmt& stmt, Scope& scope);
  Flow run_with(const Stmt& stmt, Scope& scope);
  void run_generation(const Stmt& stmt, Scope& scope);
  Value run_macro(const Macro& macro, Arguments arguments);
  void bind_macro(const Stmt& stmt, Scope& scope, Arguments& arguments);

  void write(std::string_view text);
  void write_string(const Value& value);
  Scope& open_scope(const Frame& frame, Scope* parent);
  void load_scope(const Frame& frame, Scope& scope);
  static Value& variable(Scope& scope, Slot slot);
  void assign(const Expr& target, Scope& scope, const Value& value);
  void check_namespaces(const Expr& target, Scope& scope);
  Value make_macro(const Stmt& stmt, Scope& scope);

  Value evaluate(const Expr& expr, Scope& scope);
  Value evaluate_name(const Expr& expr, Scope& scope);
  Value evaluate_list(const Expr& expr, Scope& scope);
  Value evaluate_dict(const Expr& expr, Scope& scope);
  Value evaluate_slice(const Expr& expr, Scope& scope);
  Value evaluate_call(const Expr& expr, Scope& scope, const Value& caller);
  Value evaluate_filter(const Expr& expr, Scope& scope, const Value* text);
  Value evaluate_test(const Expr& expr, Scope& scope);
  Value evaluate_condition(const Expr& expr, Scope& scope);
  Value evaluate_comparison(const Expr& expr, Scope& scope);
  Value evaluate_concatenation(const Expr& expr, Scope& scope);
  Value evaluate_arithmetic(const Expr& expr, Scope& scope);
  Value call_loop(Loop& loop, Arguments arguments);
  Arguments evaluate_arguments(const CallArguments& arguments, Scope& scope,
                               const Value& caller = Value());
  bool compare(Comparison comparison, const Value& a, const Value& b);
  Value from_context(std::string_view name) const;

  const Program& program_;
  Heap& heap_;
  const Dict& context_;
  const LocalTime now_;
  const size_t output_max_;
  std::string* out_ = nullptr;
  uint32_t line_ = 1;
  int recursion_ = 0;
};

// Sets a name of a namespace.
void set_name(Heap& heap, Namespace& names, std::string_view name, const Value& value);

}  // namespace llmos::jinja
