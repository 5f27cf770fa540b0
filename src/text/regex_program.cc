// SPDX-License-Identifier: Apache-2.0
#include "text/regex_program.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace llmos {
namespace {

using Kind = RegexNode::Kind;
using Greed = RegexNode::Greed;
using Op = RegexStep::Op;

// A run of up to so many characters is one step; longer intervals become steps of their own, each
// with its row in the memory, so that no interval multiplies the time.
constexpr uint32_t kSpanMax = 16;
// Each table takes 9 KB; the patterns of known tokenizers have up to 20.
constexpr size_t kTablesMax = 1024;

const RegexNode& unwrapped(const RegexNode& node) {
  const RegexNode* inner = &node;
  while ((inner->kind == Kind::kSequence || inner->kind == Kind::kAlternate) &&
         inner->children.size() == 1) {
    inner = &inner->children[0];
  }
  return *inner;
}

bool is_set(const RegexNode& node) { return unwrapped(node).kind == Kind::kSet; }

bool is_span(const RegexNode& repeat) {
  return is_set(repeat.children[0]) && repeat.min <= kSpanMax &&
         (repeat.max <= kSpanMax || repeat.max == kRepeatForever);
}

// Which characters a match can begin with, and whether it may take none.
struct Begin {
  CodePointSet set;
  bool may_be_empty = false;
};

Begin begin_of(const RegexNode& node) {
  Begin begin;
  switch (node.kind) {
    case Kind::kSet:
      begin.set = node.set;
      break;
    case Kind::kSequence:
      begin.may_be_empty = true;
      for (const RegexNode& child : node.children) {
        const Begin next = begin_of(child);
        begin.set.add(next.set);
        begin.may_be_empty = next.may_be_empty;
        if (!begin.may_be_empty) break;
      }
      break;
    case Kind::kAlternate:
      for (const RegexNode& child : node.children) {
        const Begin next = begin_of(child);
        begin.set.add(next.set);
        begin.may_be_empty |= next.may_be_empty;
      }
      break;
    case Kind::kRepeat:
      begin = begin_of(node.children[0]);
      begin.may_be_empty |= node.min == 0;
      break;
    case Kind::kEmpty:
    case Kind::kLook:
    case Kind::kAssert:
      begin.may_be_empty = true;
      break;
  }
  return begin;
}

// How many characters the node takes, where that is one number.
std::optional<uint32_t> length_of(const RegexNode& node) {
  switch (node.kind) {
    case Kind::kSet:
      return 1;
    case Kind::kSequence: {
      uint32_t total = 0;
      for (const RegexNode& child : node.children) {
        const std::optional<uint32_t> length = length_of(child);
        if (!length) return std::nullopt;
        total = std::min(total + *length, kRegexRepeatMax + 1);
      }
      return total;
    }
    case Kind::kAlternate: {
      const std::optional<uint32_t> length = length_of(node.children[0]);
      for (const RegexNode& child : node.children) {
        if (length_of(child) != length) return std::nullopt;
      }
      return length;
    }
    case Kind::kRepeat: {
      const std::optional<uint32_t> length = length_of(node.children[0]);
      if (!length || node.min != node.max) return std::nullopt;
      return std::min(*length * node.min, kRegexRepeatMax + 1);
    }
    case Kind::kEmpty:
    case Kind::kLook:
    case Kind::kAssert:
      return 0;
  }
  return std::nullopt;
}

class RegexCompiler {
 public:
  Result<RegexProgram> compile(const RegexNode& tree) {
    emit(tree);
    push(Op::kMatch);
    const Begin begin = begin_of(tree);
    program_.may_be_empty = begin.may_be_empty;
    program_.begins.emplace_back(begin.set);
    if (!status_.ok()) return status_;
    for (const CodePointSet& set : sets_) program_.tables.emplace_back(set);
    return std::move(program_);
  }

 private:
  void fail(Code code, Text what) {
    if (status_.ok())
      status_ = Status(code, (Text() << "regular expression: " << what.str()).str());
  }

  uint32_t here() const { return uint32_t(program_.steps.size()); }

  RegexStep& push(Op op) {
    program_.steps.emplace_back().op = op;
    return program_.steps.back();
  }

  uint16_t table(const CodePointSet& set) {
    const auto found = std::ranges::find(sets_, set);
    if (found != sets_.end()) return uint16_t(found - sets_.begin());
    if (sets_.size() == kTablesMax) {
      fail(Code::kExhausted, Text() << "expected at most " << kTablesMax << " different classes");
      return 0;
    }
    sets_.push_back(set);
    return uint16_t(sets_.size() - 1);
  }

  void emit(const RegexNode& node) {
    // Counts visits, because what takes no step may be repeated too.
    if (++visits_ > kRegexStepsMax) {
      fail(Code::kExhausted,
           Text() << "expected at most " << kRegexStepsMax << " steps, intervals written out");
    }
    if (!status_.ok()) return;
    switch (node.kind) {
      case Kind::kEmpty:
        break;
      case Kind::kSet: {
        const uint16_t set = table(node.set);
        push(Op::kSet).set = set;
        break;
      }
      case Kind::kSequence:
        for (const RegexNode& child : node.children) emit(child);
        break;
      case Kind::kAlternate:
        emit_alternate(node);
        break;
      case Kind::kRepeat:
        emit_repeat(node);
        break;
      case Kind::kLook:
        emit_look(node);
        break;
      case Kind::kAssert:
        push(Op::kAssert).assertion = node.assertion;
        break;
    }
  }

  // Returns the index of the split, whose other way is still open.
  uint32_t emit_split(bool lazy) {
    const uint32_t at = here();
    RegexStep& split = push(Op::kSplit);
    split.slot = program_.slots++;
    split.negated = lazy;  // until close_split()
    split.to = split.other = at + 1;
    return at;
  }

  // The way that does not follow the split goes to `target`; a lazy split tries it first.
  void close_split(uint32_t at, uint32_t target) {
    RegexStep& split = program_.steps[at];
    (split.negated ? split.to : split.other) = target;
    split.negated = false;
  }

  void emit_alternate(const RegexNode& node) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const uint32_t split = last ? 0 : emit_split(false);
      emit(node.children[i]);
      if (last) break;
      jumps.push_back(here());
      push(Op::kJump);
      close_split(split, here());
    }
    for (const uint32_t jump : jumps) program_.steps[jump].to = here();
  }

  void emit_repeat(const RegexNode& node) {
    if (node.greed == Greed::kPossessive) return emit_possessive(node);
    const RegexNode& child = unwrapped(node.children[0]);
    if (node.greed == Greed::kGreedy && is_span(node)) return emit_span(node, Op::kSpan);
    for (uint32_t i = 0; i < node.min && status_.ok(); ++i) emit(child);
    const bool lazy = node.greed == Greed::kLazy;
    if (node.max == kRepeatForever) {
      const uint32_t split = emit_split(lazy);
      emit(child);
      push(Op::kJump).to = split;
      close_split(split, here());
      return;
    }
    std::vector<uint32_t> splits;
    for (uint32_t i = node.min; i < node.max && status_.ok(); ++i) {
      splits.push_back(emit_split(lazy));
      emit(child);
    }
    for (const uint32_t split : splits) close_split(split, here());
  }

  void emit_span(const RegexNode& node, Op op) {
    const uint16_t set = table(unwrapped(node.children[0]).set);
    RegexStep& span = push(op);
    span.set = set;
    span.min = node.min;
    span.max = node.max;
    span.slot = program_.slots++;
  }

  void emit_possessive(const RegexNode& node) {
    const RegexNode& child = unwrapped(node.children[0]);
    if (child.kind == Kind::kSet) return emit_span(node, Op::kPossessive);
    const bool once = node.min == 1 && node.max == 1;
    if (once && child.kind == Kind::kRepeat && child.greed != Greed::kLazy &&
        is_set(child.children[0])) {
      return emit_span(child, Op::kPossessive);
    }
    fail(Code::kUnsupported,
         Text() << "expected a possessive repeat or (?>) of one character or class");
  }

  void emit_look(const RegexNode& node) {
    const std::optional<uint32_t> length = node.behind ? length_of(node.children[0]) : 0;
    if (!length || *length > kRegexRepeatMax) {
      return fail(Code::kUnsupported,
                  Text() << "expected (?<=) and (?<!) of a fixed length up to " << kRegexRepeatMax);
    }
    const uint32_t at = here();
    push(Op::kLook).negated = node.negated;
    program_.steps[at].behind = uint16_t(*length);
    emit(node.children[0]);
    push(Op::kMatch);
    program_.steps[at].to = here();
  }

  RegexProgram program_;
  std::vector<CodePointSet> sets_;
  size_t visits_ = 0;
  Status status_;
};

}  // namespace

Result<RegexProgram> compile_regex(const RegexNode& tree) { return RegexCompiler().compile(tree); }

}  // namespace llmos
