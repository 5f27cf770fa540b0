// SPDX-License-Identifier: Apache-2.0
#include "text/regex_plain.h"

namespace llmos {
namespace {

using Op = RegexStep::Op;

}  // namespace

std::optional<size_t> PlainMatcher::match(size_t at) {
  const std::optional<size_t> end = run(0, at);
  choices_.clear();
  return end;
}

std::optional<size_t> PlainMatcher::run(uint32_t step_index, size_t at) {
  const size_t base = choices_.size();
  while (++steps_ <= budget_) {
    const RegexStep& step = program_.steps[step_index];
    bool ok = true;
    uint32_t next = step_index + 1;
    switch (step.op) {
      case Op::kSet:
        ok = takes(table(step), &at);
        break;
      case Op::kSpan:
      case Op::kPossessive:
        ok = span(step_index, &at);
        break;
      case Op::kSplit:
        choices_.push_back({step.other, false, at, at});
        next = step.to;
        break;
      case Op::kJump:
        next = step.to;
        break;
      case Op::kLook:
        ok = looks(step_index, at);
        next = step.to;
        break;
      case Op::kAssert:
        ok = assertion_holds(step.assertion, text_, at);
        break;
      case Op::kMatch:
        return at;
    }
    step_index = next;
    if (ok) continue;
    if (choices_.size() == base) return std::nullopt;
    take_choice(&step_index, &at);
  }
  return std::nullopt;
}

bool PlainMatcher::span(uint32_t step_index, size_t* at) {
  const RegexStep& step = program_.steps[step_index];
  const CodePointTable& set = table(step);
  size_t least = *at;
  uint32_t count = 0;
  while (count < step.max && takes(set, at)) {
    if (++count == step.min) least = *at;
  }
  steps_ += count;
  if (count < step.min) return false;
  if (step.op == Op::kSpan && *at > least) choices_.push_back({step_index + 1, true, *at, least});
  return true;
}

void PlainMatcher::take_choice(uint32_t* step_index, size_t* at) {
  RegexChoice& choice = choices_.back();
  *step_index = choice.step;
  if (choice.taken) choice.at -= unicode::decode_last(text_.substr(0, choice.at)).bytes;
  *at = choice.at;
  if (choice.at == choice.least) choices_.pop_back();
}

bool PlainMatcher::looks(uint32_t step_index, size_t at) {
  const RegexStep& step = program_.steps[step_index];
  const std::optional<size_t> from = steps_back(text_, at, step.behind);
  const size_t base = choices_.size();
  const bool found = from && run(step_index + 1, *from);
  choices_.resize(base);
  return found != step.negated;
}

}  // namespace llmos
