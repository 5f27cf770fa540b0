// SPDX-License-Identifier: Apache-2.0
// A template after parsing: trees of expressions and statements, owned by one Program and never
// changed after it was built.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace llmos::jinja {

struct FilterSpec;  // builtins.h
struct TestSpec;

// Where a variable lives: so many frames outward, at that place.
struct Slot {
  uint32_t hops = 0;
  uint32_t index = 0;
};

// How a variable gets its value when its frame is entered.
struct Load {
  enum class How : uint8_t {
    kParameter,  // by the statement that enters
    kContext,    // from the context of the render, by its name
    kOuter,      // copied from a frame further out
    kNothing,    // assigned inside: missing until then
  } how;
  std::string_view name;
  Slot outer;  // of kOuter, seen from this frame
};

// The variables of one scope: the template, a loop's body, a macro ...
struct Frame {
  std::vector<Load> loads;
};

enum class Op : uint8_t {
  kConst,
  kName,
  kTuple,
  kList,
  kDict,       // items; kDict: keys and values in turn
  kAttribute,  // items[0].name
  kItem,       // items[0][items[1]]
  kSlice,      // items[0][items[1]:items[2]:items[3]], null: none
  kCall,       // items[0](arguments)
  kFilter,
  kTest,       // items[0] (null: a filter block's text), arguments
  kCondition,  // items[1] if items[0] else items[2] or null
  kOr,
  kAnd,
  kNot,
  kCompare,  // items[0] operators[0] items[1] ...
  kConcat,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kNegate,
  kPlus,
  kNamespaceItem,  // only as a target: slot.name
};

enum class Comparison : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

struct Expr;

struct Keyword {
  std::string_view name;
  const Expr* value;
};

struct CallArguments {
  std::vector<const Expr*> positional;
  std::vector<Keyword> keywords;
  const Expr* rest = nullptr;          // *rest
  const Expr* keyword_rest = nullptr;  // **keyword_rest
};

struct Expr {
  Op op;
  uint32_t line;
  int depth = 1;               // of the tree
  std::string_view name = {};  // of a name, attribute, filter or test
  Value constant = {};
  std::vector<Expr*> items = {};
  std::vector<Comparison> comparisons = {};
  CallArguments arguments = {};
  Slot slot = {};                      // of kName and kNamespaceItem
  const FilterSpec* filter = nullptr;  // null: there is none of that name
  const TestSpec* test = nullptr;
};

enum class Do : uint8_t {
  kText,         // text
  kPrint,        // exprs, one after the other
  kIf,           // exprs[i]: branches[i] (elif from 1 on), else other
  kFor,          // target, exprs[0]: what to walk, exprs[1]: the filter or null; body, other
  kSet,          // target, exprs[0]
  kSetBlock,     // target, exprs[0]: filter or null; body
  kMacro,        // name, parameters, defaults, body
  kCallBlock,    // exprs[0]: the call; parameters, defaults, body of the caller
  kFilterBlock,  // exprs[0]: the filter; body
  kWith,         // targets[i] = exprs[i]; body
  kGeneration,   // body
  kBreak,
  kContinue,
};

struct Stmt {
  Do what;
  uint32_t line;
  std::string_view text = {};  // of kText; the name of a macro
  std::vector<Expr*> exprs = {};
  Expr* target = nullptr;
  std::vector<Expr*> targets = {};
  std::vector<std::vector<Stmt*>> branches = {};
  std::vector<Stmt*> body = {};
  std::vector<Stmt*> other = {};
  Slot slot = {};  // of a macro's name

  // Of macros, call blocks and loops.
  std::vector<std::string_view> parameters = {};  // slots 0, 1, ... of the frame
  std::vector<Expr*> defaults = {};               // of the last parameters
  bool takes_caller = false;                      // the body uses `caller`, which is no parameter
  bool takes_kwargs = false;                      // likewise `kwargs`
  bool takes_varargs = false;                     // likewise `varargs`
  bool recursive = false;
  bool has_other = false;              // a loop with an else
  bool extended = false;               // the loop's body uses `loop`, which is slot 0
  const Frame* frame = nullptr;        // of the body
  const Frame* other_frame = nullptr;  // of a loop's else
  const Frame* test_frame = nullptr;   // of a loop's filter
  Expr* test_target = nullptr;         // the loop's target as its filter sees it
};

struct Program {
  std::vector<Stmt*> body;
  const Frame* frame = nullptr;

  // Owners.
  std::deque<Expr> exprs;
  std::deque<Stmt> stmts;
  std::deque<Frame> frames;
  std::deque<std::string> texts;
};

}  // namespace llmos::jinja
