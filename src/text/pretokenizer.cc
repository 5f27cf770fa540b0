// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "text/byte_level.h"
#include "text/pretokenizer_finder.h"
#include "text/replace.h"

namespace llmos {
namespace {

using Kind = PretokenizerStep::Kind;
using Behavior = PretokenizerStep::Behavior;
using PrependScheme = PretokenizerStep::PrependScheme;

// Makes pieces of matches and of what lies between them, as their behaviour says.
class PieceMaker {
 public:
  PieceMaker(Behavior behavior, bool invert, MatchSink piece)
      : behavior_(behavior), invert_(invert), piece_(piece) {}

  void match(size_t begin, size_t end) {
    if (begin > at_) segment(at_, begin, false);
    segment(begin, end, true);
    at_ = end;
  }

  void finish(size_t text_size) {
    if (text_size > at_) segment(at_, text_size, false);
    flush();
  }

 private:
  void segment(size_t begin, size_t end, bool is_match) {
    is_match ^= invert_;
    switch (behavior_) {
      case Behavior::kRemoved:
        if (!is_match) emit(begin, end);
        break;
      case Behavior::kIsolated:
        emit(begin, end);
        break;
      case Behavior::kContiguous:
        extend_if(pending_ && is_match == was_match_, begin, end);
        break;
      case Behavior::kMergedWithPrevious:
        extend_if(pending_ && is_match && !was_match_, begin, end);
        break;
      case Behavior::kMergedWithNext:
        extend_if(pending_ && was_match_ && !is_match, begin, end);
        break;
    }
    was_match_ = is_match;
  }

  void extend_if(bool extend, size_t begin, size_t end) {
    if (!extend) {
      flush();
      pending_begin_ = begin;
    }
    pending_ = true;
    pending_end_ = end;
  }

  void flush() {
    if (pending_) emit(pending_begin_, pending_end_);
    pending_ = false;
  }

  void emit(size_t begin, size_t end) {
    if (end > begin) piece_(begin, end);
  }

  const Behavior behavior_;
  const bool invert_;
  const MatchSink piece_;
  size_t at_ = 0;
  bool was_match_ = false;
  bool pending_ = false;
  size_t pending_begin_ = 0;
  size_t pending_end_ = 0;
};

// The byte that an offset in to_byte_level(bytes) belongs to, for offsets that do not fall.
class ByteOffset {
 public:
  explicit ByteOffset(std::string_view mapped) : mapped_(mapped) {}
  size_t of(size_t offset) {
    for (; at_ < offset; ++at_) bytes_ += (mapped_[at_] & 0xC0) != 0x80;
    return bytes_;
  }

 private:
  const std::string_view mapped_;
  size_t at_ = 0;
  size_t bytes_ = 0;
};

struct Stage {
  enum class Change : uint8_t { kNone, kPrefixSpace, kMetaspace };

  Change change = Change::kNone;
  PrependScheme prepend = PrependScheme::kNever;  // of kMetaspace
  std::string space;                              // of kMetaspace: what a space becomes
  std::unique_ptr<const Finder> finder;           // null: the text is one piece
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
  bool mapped = false;  // behind a byte-level step

  void pieces(std::string_view text, MatchSink piece) const {
    if (!finder) return piece(0, text.size());
    PieceMaker maker(behavior, invert, piece);
    finder->for_each_match(text, [&](size_t begin, size_t end) { maker.match(begin, end); });
    maker.finish(text.size());
  }
};

// What becomes of the matches of a step.
Behavior behavior_of(const PretokenizerStep& step) {
  switch (step.kind) {
    case Kind::kDigits:
      return step.individual ? Behavior::kIsolated : Behavior::kContiguous;
    case Kind::kWhitespace:  // inverted
    case Kind::kWhitespaceSplit:
      return Behavior::kRemoved;
    case Kind::kMetaspace:
      return Behavior::kMergedWithNext;
    case Kind::kByteLevel:
      return Behavior::kIsolated;
    default:
      return step.behavior;
  }
}

Result<Stage> make_stage(const PretokenizerStep& step) {
  Stage stage;
  if (step.kind == Kind::kSplitRegex) {
    Result<std::unique_ptr<const Finder>> finder = regex_finder(step.pattern);
    if (!finder.ok()) return finder.status();
    stage.finder = *std::move(finder);
  } else {
    stage.finder = step_finder(step);
  }
  stage.behavior = behavior_of(step);
  const bool may_invert = step.kind == Kind::kSplit || step.kind == Kind::kSplitRegex;
  stage.invert = may_invert ? step.invert : step.kind == Kind::kWhitespace;
  if (step.kind == Kind::kByteLevel && step.add_prefix_space) {
    stage.change = Stage::Change::kPrefixSpace;
  }
  if (step.kind == Kind::kMetaspace) {
    stage.change = Stage::Change::kMetaspace;
    stage.prepend = step.prepend;
    stage.space = step.pattern;
  }
  return stage;
}

// Steps with every name replaced by what it stands for.
Result<std::vector<PretokenizerStep>> resolved(std::span<const PretokenizerStep> steps) {
  std::vector<PretokenizerStep> plain;
  for (const PretokenizerStep& step : steps) {
    if (step.kind != Kind::kNamed) {
      plain.push_back(step);
      continue;
    }
    const std::optional<std::vector<PretokenizerStep>> named = named_pretokenizer(step.pattern);
    if (!named) {
      return Status(Code::kUnsupported,
                    (Text() << "pre-tokenizer: no known name, found '" << step.pattern
                            << "': use a file with a tokenizer.json, or set tokenizer.ggml.pre")
                        .str());
    }
    plain.insert(plain.end(), named->begin(), named->end());
  }
  if (plain.size() > kPretokenizerStepsMax) {
    return Status(Code::kExhausted,
                  (Text() << "pre-tokenizer: expected at most " << kPretokenizerStepsMax
                          << " steps, found " << plain.size())
                      .str());
  }
  return plain;
}

}  // namespace

struct Pretokenizer::Stages {
  std::vector<Stage> stages;
  bool byte_level = false;

  // Depth of recursion: the number of stages, at most kPretokenizerStepsMax.
  void split(size_t index, std::string_view text, bool at_begin, PieceSink sink) const {
    if (text.empty()) return;
    if (index == stages.size()) return sink(text);
    const Stage& stage = stages[index];
    std::string changed;
    if (stage.change != Stage::Change::kNone) text = change(stage, text, at_begin, &changed);
    const auto next = [&](size_t begin, size_t end) {
      split(index + 1, text.substr(begin, end - begin), at_begin && begin == 0, sink);
    };
    if (!stage.mapped) return stage.pieces(text, next);
    const std::string mapped = to_byte_level(text);
    ByteOffset offset(mapped);
    stage.pieces(mapped, [&](size_t begin, size_t end) {
      const size_t first = offset.of(begin);
      next(first, offset.of(end));
    });
  }

  // The text as the stage changes it, in *changed if need be.
  static std::string_view change(const Stage& stage, std::string_view text, bool at_begin,
                                 std::string* changed) {
    if (stage.change == Stage::Change::kPrefixSpace) {
      if (text.starts_with(' ')) return text;
      *changed = " ";
      return changed->append(text);
    }
    *changed = replace_all(text, " ", stage.space);
    const bool wanted = stage.prepend == PrependScheme::kAlways ||
                        (stage.prepend == PrependScheme::kFirst && at_begin);
    if (wanted && !changed->starts_with(stage.space)) changed->insert(0, stage.space);
    return *changed;
  }
};

Pretokenizer::Pretokenizer(std::unique_ptr<const Stages> stages) : stages_(std::move(stages)) {}
Pretokenizer::Pretokenizer(Pretokenizer&& other) noexcept = default;
Pretokenizer& Pretokenizer::operator=(Pretokenizer&& other) noexcept = default;
Pretokenizer::~Pretokenizer() = default;

Result<Pretokenizer> Pretokenizer::create(std::span<const PretokenizerStep> steps) {
  const Result<std::vector<PretokenizerStep>> plain = resolved(steps);
  if (!plain.ok()) return plain.status();
  auto stages = std::make_unique<Stages>();
  for (const PretokenizerStep& step : *plain) {
    Result<Stage> stage = make_stage(step);
    if (!stage.ok()) return stage.status();
    stage->mapped = stages->byte_level;
    stages->byte_level |= step.kind == Kind::kByteLevel;
    const bool does_nothing = !stage->finder && stage->change == Stage::Change::kNone;
    if (!does_nothing) stages->stages.push_back(*std::move(stage));
  }
  return Pretokenizer(std::move(stages));
}

void Pretokenizer::split(std::string_view text, PieceSink piece, bool at_begin) const {
  stages_->split(0, text, at_begin, piece);
}

bool Pretokenizer::byte_level() const { return stages_->byte_level; }

}  // namespace llmos
