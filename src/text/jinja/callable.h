// SPDX-License-Identifier: Apache-2.0
// What can be called: macros, and the functions, methods, filters and tests that are written here.
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// The arguments of one call.
struct Arguments {
  struct Named {
    std::string_view name;
    Value value;
  };
  std::vector<Value> positional;
  std::vector<Named> keywords;

  // The keyword `name`, taken out; kMissing: not given.
  Value take(std::string_view name);
};

// A function of the environment, a method, a filter or a test. Of the last three the first argument
// is what they are applied to.
struct Builtin {
  std::string_view name;
  // The names of the parameters with a space between; those that end in '?' may be left out. "*":
  // takes the arguments as they come; else `run` gets exactly one value for each name, kMissing for
  // what was left out.
  std::string_view parameters;
  Value (*run)(Interpreter& interpreter, Arguments& arguments);
  bool keywords = true;  // parameters may be given by their names
};

struct FilterSpec : Builtin {};
struct TestSpec : Builtin {};

struct Function : Builtin {};

struct Method : Object {
  Value self;
  const Builtin* builtin = nullptr;
};

// The variables of one run through a frame.
struct Scope : Object {
  Scope* parent = nullptr;
  std::vector<Value> slots;
};

struct Macro : Object {
  const Stmt* definition = nullptr;
  Scope* scope = nullptr;  // where it was defined
};

inline std::string_view macro_name(const Macro& macro) {
  return macro.definition->what == Do::kMacro ? macro.definition->text : std::string_view();
}

// Orders the arguments as `builtin` names them. Failure: kInvalid when they do not fit.
void bind(const Builtin& builtin, Arguments& arguments);

}  // namespace llmos::jinja
