// SPDX-License-Identifier: Apache-2.0
#include "text/regex.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "text/regex_careful.h"
#include "text/regex_plain.h"

namespace llmos {
namespace {

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
