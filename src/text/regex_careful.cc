// SPDX-License-Identifier: Apache-2.0
#include "text/regex_careful.h"

#include <algorithm>

namespace llmos {
namespace {

using Op = RegexStep::Op;

}  // namespace

std::optional<size_t> CarefulMatcher::run(uint32_t step_index, size_t at, bool looking) {
  const size_t base = choices_.size();
  for (;;) {
    const RegexStep& step = program_.steps[step_index];
    bool ok = true;
    uint32_t next = step_index + 1;
    switch (step.op) {
      case Op::kSet:
        ok = takes(table(step), &at);
        break;
      case Op::kSpan:
        ok = step.max == kRepeatForever ? open_span(step_index, &at) : short_span(step_index, &at);
        if (!ok && known_good_) return succeed(base, at, looking);
        break;
      case Op::kPossessive:
        ok = possessive(step, &at);
        break;
      case Op::kSplit:
        ok = enter(step, at);
        if (!ok && known_good_) return succeed(base, at, looking);
        if (ok) choices_.push_back({step_index, false, at, at});
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
        return succeed(base, at, looking);
    }
    step_index = next;
    if (ok || take_choice(base, &step_index, &at)) continue;
    if (known_good_) return succeed(base, at, looking);
    return std::nullopt;
  }
}

bool CarefulMatcher::enter(const RegexStep& step, size_t at) {
  const size_t i = trial(step, at);
  known_good_ = get(good_, i);
  if (get(tried_, i)) return false;
  set(&tried_, i);
  return true;
}

bool CarefulMatcher::open_span(uint32_t step_index, size_t* at) {
  const RegexStep& step = program_.steps[step_index];
  known_good_ = false;
  for (uint32_t i = 0; i < step.min; ++i) {
    if (!takes(table(step), at)) return false;
  }
  const size_t least = *at;
  if (!enter(step, least)) return false;
  size_t last = least;
  for (size_t ahead = least; takes(table(step), &ahead); last = ahead) {
    if (enter(step, ahead)) continue;
    if (known_good_) {
      choices_.push_back({step_index, false, last, least});
      return false;
    }
    break;
  }
  choices_.push_back({step_index, false, last, least});
  *at = last;
  return true;
}

bool CarefulMatcher::short_span(uint32_t step_index, size_t* at) {
  const RegexStep& step = program_.steps[step_index];
  known_good_ = false;
  size_t least = *at;
  uint32_t count = 0;
  while (count < step.max && takes(table(step), at)) {
    if (++count == step.min) least = *at;
  }
  if (count < step.min) return false;
  choices_.push_back({step_index, false, *at, least});
  return leave_short_span(at);
}

bool CarefulMatcher::leave_short_span(size_t* at) {
  RegexChoice& choice = choices_.back();
  while (!enter(program_.steps[choice.step], choice.at)) {
    if (known_good_) return false;
    if (choice.at == choice.least) {
      choices_.pop_back();
      return false;
    }
    choice.at -= unicode::decode_last(text_.substr(0, choice.at)).bytes;
  }
  *at = choice.at;
  return true;
}

bool CarefulMatcher::possessive(const RegexStep& step, size_t* at) {
  if (step.max != kRepeatForever) {
    uint32_t count = 0;
    while (count < step.max && takes(table(step), at)) ++count;
    return count >= step.min;
  }
  for (uint32_t i = 0; i < step.min; ++i) {
    if (!takes(table(step), at)) return false;
  }
  Run& known = runs_[step.slot];
  if (*at < known.begin || *at >= known.end) {
    known = {*at, *at};
    while (takes(table(step), &known.end)) {
    }
  }
  *at = std::max(*at, known.end);
  return true;
}

bool CarefulMatcher::take_choice(size_t base, uint32_t* step_index, size_t* at) {
  known_good_ = false;
  while (choices_.size() > base) {
    RegexChoice& choice = choices_.back();
    const RegexStep& step = program_.steps[choice.step];
    if (step.op == Op::kSplit && !choice.taken) {
      choice.taken = true;
      *step_index = step.other;
      *at = choice.at;
      return true;
    }
    if (step.op == Op::kSpan && choice.at > choice.least) {
      choice.at -= unicode::decode_last(text_.substr(0, choice.at)).bytes;
      *step_index = choice.step + 1;
      *at = choice.at;
      if (step.max == kRepeatForever || leave_short_span(at)) return true;
      if (known_good_) return false;
      continue;
    }
    choices_.pop_back();
  }
  return false;
}

size_t CarefulMatcher::succeed(size_t base, size_t at, bool looking) {
  for (; choices_.size() > base; choices_.pop_back()) {
    const RegexChoice& choice = choices_.back();
    const RegexStep& step = program_.steps[choice.step];
    const bool one_place = step.op == Op::kSpan && step.max != kRepeatForever;
    for (size_t place = one_place ? choice.at : choice.least; place <= choice.at;) {
      if (looking) {
        set(&good_, trial(step, place));
      } else {
        clear(&tried_, trial(step, place));
      }
      if (place == text_.size()) break;
      place += unicode::decode(text_.substr(place)).bytes;
    }
  }
  return at;
}

bool CarefulMatcher::looks(uint32_t step_index, size_t at) {
  const RegexStep& step = program_.steps[step_index];
  const std::optional<size_t> from = steps_back(text_, at, step.behind);
  const bool found = from && run(step_index + 1, *from, true);
  return found != step.negated;
}

}  // namespace llmos
