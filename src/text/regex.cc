// SPDX-License-Identifier: Apache-2.0
#include "text/regex.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <utility>

#include "text/regex_program.h"

namespace llmos {
namespace {

using Op = RegexStep::Op;
using Assert = RegexNode::Assert;

// Plain backtracking may take so many steps per byte of text, all matches together: the patterns of
// known tokenizers take below 12 on any text that we tried.
constexpr size_t kCheapStepsPerByte = 32;
constexpr size_t kCheapSteps = 4096;
// The memory of failures takes at most 64 MiB; a longer text is matched in windows that overlap by
// half. For a pattern of 30 loops and branches that is 8 MiB of text.
constexpr size_t kMemoryBits = size_t{512} << 20;
// No windows below this, even for patterns of a thousand loops: half of one is more than anything
// looks behind, so that each window begins further on than the last.
constexpr size_t kWindowBytesMin = 16 << 10;
static_assert(kWindowBytesMin / 2 > 4 * (kRegexRepeatMax + 1));

bool is_word(char32_t c) { return unicode::is_word(c) || unicode::is_latin1_number(c); }

bool at_word_border(std::string_view text, size_t at) {
  const bool before = at > 0 && is_word(unicode::decode_last(text.substr(0, at)).code_point);
  const bool after = at < text.size() && is_word(unicode::decode(text.substr(at)).code_point);
  return before != after;
}

bool holds(Assert assertion, std::string_view text, size_t at) {
  switch (assertion) {
    case Assert::kLineBegin:
      return at == 0 || (text[at - 1] == '\n' && at < text.size());
    case Assert::kLineEnd:
      return at == text.size() || text[at] == '\n';
    case Assert::kTextBegin:
      return at == 0;
    case Assert::kTextEnd:
      return at == text.size();
    case Assert::kTextEndOrNewline:
      return at == text.size() || (at + 1 == text.size() && text[at] == '\n');
    case Assert::kWordBorder:
      return at_word_border(text, at);
    case Assert::kNoWordBorder:
      return !at_word_border(text, at);
  }
  return false;
}

std::optional<size_t> steps_back(std::string_view text, size_t at, size_t characters) {
  for (; characters > 0; --characters) {
    if (at == 0) return std::nullopt;
    at -= unicode::decode_last(text.substr(0, at)).bytes;
  }
  return at;
}

// A choice that can be taken otherwise: for a split, its second way; for a span, one character
// fewer, down to `least`.
struct Choice {
  uint32_t step;
  bool taken;  // of a split in careful matching: the second way is being tried
  size_t at;
  size_t least;
};

constexpr size_t kChoicesInPlace = 24;  // more than ordinary patterns ever have open

// Both ways to match: what they share.
class Matcher {
 protected:
  Matcher(const RegexProgram& program, std::string_view text) : program_(program), text_(text) {}

  bool takes(const CodePointTable& table, size_t* at) const {
    if (*at == text_.size()) return false;
    const unicode::Character c = unicode::decode(text_.substr(*at));
    if (!table.contains(c.code_point)) return false;
    *at += c.bytes;
    return true;
  }

  const CodePointTable& table(const RegexStep& step) const { return program_.tables[step.set]; }

  const RegexProgram& program_;
  const std::string_view text_;
  std::array<std::byte, kChoicesInPlace * sizeof(Choice)> in_place_;
  std::pmr::monotonic_buffer_resource memory_{in_place_.data(), in_place_.size()};
  std::pmr::vector<Choice> choices_{&memory_};
};

// Plain backtracking, within a budget of steps.
class PlainMatcher : Matcher {
 public:
  PlainMatcher(const RegexProgram& program, std::string_view text, size_t budget)
      : Matcher(program, text), budget_(budget) {
    choices_.reserve(kChoicesInPlace);
  }

  bool over_budget() const { return steps_ > budget_; }

  // The end of the match that begins at `at`; nullopt where there is none or the budget is spent.
  std::optional<size_t> match(size_t at) {
    const std::optional<size_t> end = run(0, at);
    choices_.clear();
    return end;
  }

 private:
  std::optional<size_t> run(uint32_t step_index, size_t at) {
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
          ok = holds(step.assertion, text_, at);
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

  bool span(uint32_t step_index, size_t* at) {
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

  void take_choice(uint32_t* step_index, size_t* at) {
    Choice& choice = choices_.back();
    *step_index = choice.step;
    if (choice.taken) choice.at -= unicode::decode_last(text_.substr(0, choice.at)).bytes;
    *at = choice.at;
    if (choice.at == choice.least) choices_.pop_back();
  }

  bool looks(uint32_t step_index, size_t at) {
    const RegexStep& step = program_.steps[step_index];
    const std::optional<size_t> from = steps_back(text_, at, step.behind);
    const size_t base = choices_.size();
    const bool found = from && run(step_index + 1, *from);
    choices_.resize(base);
    return found != step.negated;
  }

  const size_t budget_;
  size_t steps_ = 0;
};

// Backtracking that remembers, for every split and span and every place, that trying it there was
// in vain, so that nothing is tried twice. Whether trying fails depends on the step and the place
// alone, because intervals are written out and nothing is captured.
//
// Words  A *trial* is a split or a span at a place. It is *tried* once entered, and *good* if,
//        within a kLook, it reached the end. A trial that is tried and not good has
//        failed, or is being tried further down: then the pattern went in a circle without taking
//        a character, and that must fail too.
class CarefulMatcher : Matcher {
 public:
  CarefulMatcher(const RegexProgram& program, std::string_view text)
      : Matcher(program, text),
        row_(text.size() + 1),
        tried_((program.slots * row_ + 63) / 64),
        good_(tried_.size()),
        runs_(program.slots) {}

  std::optional<size_t> match(size_t at) { return run(0, at, false); }

 private:
  struct Run {  // of characters that a kPossessive takes
    size_t begin = 0;
    size_t end = 0;
  };

  static bool get(const std::vector<uint64_t>& bits, size_t i) {
    return bits[i / 64] >> i % 64 & 1;
  }
  static void set(std::vector<uint64_t>* bits, size_t i) {
    (*bits)[i / 64] |= uint64_t{1} << i % 64;
  }
  static void clear(std::vector<uint64_t>* bits, size_t i) {
    (*bits)[i / 64] &= ~(uint64_t{1} << i % 64);
  }
  size_t trial(const RegexStep& step, size_t at) const { return step.slot * row_ + at; }

  std::optional<size_t> run(uint32_t step_index, size_t at, bool looking) {
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
          ok =
              step.max == kRepeatForever ? open_span(step_index, &at) : short_span(step_index, &at);
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
          ok = holds(step.assertion, text_, at);
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

  // False if the trial is known; known_good_ says how it went.
  bool enter(const RegexStep& step, size_t at) {
    const size_t i = trial(step, at);
    known_good_ = get(good_, i);
    if (get(tried_, i)) return false;
    set(&tried_, i);
    return true;
  }

  bool open_span(uint32_t step_index, size_t* at) {
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

  // Its trials are of going on behind it, so that each place behind it is tried once.
  bool short_span(uint32_t step_index, size_t* at) {
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

  // At the place of the last choice, or the next one before it that is not known.
  bool leave_short_span(size_t* at) {
    Choice& choice = choices_.back();
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

  bool possessive(const RegexStep& step, size_t* at) {
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

  // False if no choice is left, or if one is known to be good.
  bool take_choice(size_t base, uint32_t* step_index, size_t* at) {
    known_good_ = false;
    while (choices_.size() > base) {
      Choice& choice = choices_.back();
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

  // The open choices are the way that led here. What is looked for may be looked for again, from
  // another place: its trials are good. The way of a match is forgotten, as it has not failed.
  size_t succeed(size_t base, size_t at, bool looking) {
    for (; choices_.size() > base; choices_.pop_back()) {
      const Choice& choice = choices_.back();
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

  bool looks(uint32_t step_index, size_t at) {
    const RegexStep& step = program_.steps[step_index];
    const std::optional<size_t> from = steps_back(text_, at, step.behind);
    const bool found = from && run(step_index + 1, *from, true);
    return found != step.negated;
  }

  const size_t row_;
  std::vector<uint64_t> tried_;
  std::vector<uint64_t> good_;
  std::vector<Run> runs_;
  bool known_good_ = false;
};

// One pass over a text.
class Search {
 public:
  Search(const RegexProgram& program, std::string_view text, size_t cheap_steps)
      : program_(program), text_(text), plain_(program, text, cheap_steps) {}

  void for_each_match(FunctionRef<void(size_t, size_t)> found) {
    size_t from = 0;
    std::optional<size_t> last_end;
    while (next_begin(&from)) {
      const std::optional<size_t> end = match(from);
      if (!end || (*end == from && last_end == from)) {
        if (from == text_.size()) return;
        from += unicode::decode(text_.substr(from)).bytes;
        continue;
      }
      found(from, *end);
      last_end = from = *end;
    }
  }

 private:
  // False if no match can begin at *from or behind.
  bool next_begin(size_t* from) const {
    if (program_.may_be_empty) return true;
    const CodePointTable& begins = program_.begins[0];
    while (*from < text_.size()) {
      const unicode::Character c = unicode::decode(text_.substr(*from));
      if (begins.contains(c.code_point)) return true;
      *from += c.bytes;
    }
    return false;
  }

  std::optional<size_t> match(size_t at) {
    if (!plain_.over_budget()) {
      const std::optional<size_t> end = plain_.match(at);
      if (!plain_.over_budget()) return end;
    }
    if (!careful_ || at >= next_window_) open_window(at);
    const std::optional<size_t> end = careful_->match(at - window_begin_);
    return end ? std::optional(*end + window_begin_) : std::nullopt;
  }

  // The whole text where it fits; else from as far before `at` as anything looks behind.
  void open_window(size_t at) {
    const size_t size_max =
        std::max(kWindowBytesMin, kMemoryBits / std::max<size_t>(program_.slots, 1));
    const bool whole = text_.size() <= size_max;
    window_begin_ = whole ? 0 : steps_back(text_, at, kRegexRepeatMax + 1).value_or(0);
    const size_t size = std::min(text_.size() - window_begin_, size_max);
    const bool last = window_begin_ + size == text_.size();
    next_window_ = last ? text_.size() + 1 : window_begin_ + size / 2;
    careful_.emplace(program_, text_.substr(window_begin_, size));
  }

  const RegexProgram& program_;
  const std::string_view text_;
  PlainMatcher plain_;
  std::optional<CarefulMatcher> careful_;
  size_t window_begin_ = 0;
  size_t next_window_ = 0;
};

}  // namespace

Regex::Regex(std::unique_ptr<const RegexProgram> program) : program_(std::move(program)) {}
Regex::Regex(Regex&& other) noexcept = default;
Regex& Regex::operator=(Regex&& other) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern) {
  const Result<RegexNode> tree = parse_regex(pattern);
  if (!tree.ok()) return tree.status();
  Result<RegexProgram> program = compile_regex(*tree);
  if (!program.ok()) return program.status();
  return Regex(std::make_unique<const RegexProgram>(*std::move(program)));
}

void Regex::for_each_match(std::string_view text, FunctionRef<void(size_t, size_t)> match) const {
  Search(*program_, text, kCheapSteps + kCheapStepsPerByte * text.size()).for_each_match(match);
}

void Regex::for_each_match_carefully(std::string_view text,
                                     FunctionRef<void(size_t, size_t)> match) const {
  Search(*program_, text, 0).for_each_match(match);
}

}  // namespace llmos
