// SPDX-License-Identifier: Apache-2.0
// Step: one batch from its plan to its commit. Two exist, so that one can be planned while the
// other runs; their arrays are made once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/live.h"
#include "llmos/status.h"
#include "model/batch.h"
#include "model/workspace.h"

namespace llmos::engine {

// What a step computes of one sequence.
struct StepEntry {
  LiveSequence* sequence = nullptr;
  uint32_t tokens = 0;     // from `position` on
  uint32_t prompt = 0;     // of those, counted as prompt by the scheduler (all or none)
  int64_t position = 0;    // table.tokens() before the step
  int32_t first_row = -1;  // of logits; -1: none
  uint32_t rows = 0;       // 1: the last token's; more: prompt scores are wanted
  bool cut = false;        // fewer tokens than the scheduler planned
  bool draws = false;      // the last rows give tokens
  uint32_t drafts = 0;     // of its tokens the last ones, guessed: as many more rows draw
  int64_t awaited = -1;    // place in ids of a token that the step before draws; -1: none
  // What collect() found.
  uint32_t drawn = 0;     // tokens
  bool complete = false;  // its mask says that the answer ends before the next one
  Status failure{};

  int32_t draw_row() const { return first_row + int32_t(rows - 1 - drafts); }  // the first
};

// A token drawn from a row of logits.
struct DrawnToken {
  TokenId id = kNoToken;
  double logprob = 0;
  uint32_t tops = 0;  // scores beside it
};

struct Step {
  Step(const BatchLimits& limits, uint32_t tops_max) : tops_per_row(tops_max) {
    ids.reserve(limits.tokens);
    spans.reserve(limits.tokens);
    contexts.reserve(limits.tokens);
    rows.reserve(limits.logit_rows);
    entries.reserve(limits.tokens);
    drawn.resize(limits.logit_rows);
    scores.resize(size_t{limits.logit_rows} * tops_max);
  }
  void clear() {
    ids.clear();
    spans.clear();
    contexts.clear();
    rows.clear();
    entries.clear();
    failure = {};
    draft_rows = 0;
  }
  Batch batch() const { return {ids, spans, contexts, rows}; }
  std::span<TokenScore> scores_of(int32_t row) {
    return std::span(scores).subspan(size_t(row) * tops_per_row, tops_per_row);
  }

  std::vector<TokenId> ids;
  std::vector<kernels::AttentionSpan> spans;
  std::vector<uint32_t> contexts;
  std::vector<int32_t> rows;
  std::vector<StepEntry> entries;
  uint32_t tops_per_row;
  std::vector<DrawnToken> drawn;   // [logit_rows]
  std::vector<TokenScore> scores;  // [logit_rows, tops_per_row]
  uint32_t draft_rows = 0;         // of all entries
  Status failure;                  // of the whole step
  double started = 0, ended = 0;   // seconds
};

}  // namespace llmos::engine
