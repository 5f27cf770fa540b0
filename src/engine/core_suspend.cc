// SPDX-License-Identifier: Apache-2.0
// Core: requests that go with all that they need, to come again here or elsewhere.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "engine/core.h"

namespace llmos::engine {

void Core::suspend(LiveRequest& request) {
  if (std::exchange(request.suspending, true)) return;
  suspending_.push_back(request.work->id);
}

// Those of which no step is in flight any more; they are planned no more, so that comes soon.
void Core::take_out_suspended() {
  std::erase_if(suspending_, [this](uint64_t id) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return true;
    LiveRequest& request = *found->second;
    const auto rests = [](const auto& sequence) { return sequence->in_flight == 0; };
    if (!std::all_of(request.sequences.begin(), request.sequences.end(), rests)) return false;
    take_out(request);
    return true;
  });
}

void Core::take_out(LiveRequest& request) {
  if (!running_) pool_.run_copies();  // of a step that was rolled back before its launch
  auto suspended = std::make_shared<SuspendedRequest>();
  const Work& work = *request.work;
  suspended->request = work.request;
  suspended->prompt = work.prompt;
  suspended->prompt_scores = request.prompt_scores;
  for (const auto& sequence : request.sequences) {
    const auto answer = sequence->tokens.begin() + ptrdiff_t(work.prompt.size());
    suspended->choices.push_back({.answer = {answer, sequence->tokens.end()},
                                  .sampler_state = work.samplers[sequence->choice].state(),
                                  .over = sequence->over,
                                  .finish = sequence->finish,
                                  .blocks = save_blocks(*sequence)});
  }
  // Ends the choices, so that the usage has their part.
  request.suspended = suspended;
  fail_request(request,
               Status(Code::kCancelled, "the request was suspended: Engine::resume() goes on"),
               Finish::kCancelled);
}

// Whole blocks as they lie, of the last one only what has tokens.
SavedBlocks Core::save_blocks(const LiveSequence& sequence) {
  if (sequence.saved.tokens > 0) return sequence.saved;  // never had its turn since it came
  const BlockTable& table = sequence.table;
  const BlockLayout& layout = pool_.layout();
  if (table.tokens() == 0 || sequence.over || !executor_.holds_whole_blocks()) return {};
  SavedBlocks saved;
  saved.shape = layout.shape();
  saved.tokens = uint32_t(table.tokens());
  saved.bytes.resize(table.blocks().size() * layout.block_bytes());
  int64_t left = table.tokens();
  std::byte* into = saved.bytes.data();
  for (const BlockAddress address : table.blocks()) {
    layout.copy_rows(pool_.place(address), into, std::min(left, block_tokens_));
    left -= block_tokens_;
    into += layout.block_bytes();
  }
  return saved;
}

// False: no block was free, and nothing has changed.
bool Core::restore_blocks(LiveSequence& sequence) {
  LLMOS_CHECK(sequence.table.tokens() == 0);
  count_blocks(sequence);
  prefixes_.room(sequence.table.blocks_needed(int64_t(sequence.saved.tokens)));
  if (!sequence.table.append(int64_t(sequence.saved.tokens))) {
    no_block_ = true;
    return false;
  }
  const BlockLayout& layout = pool_.layout();
  int64_t left = sequence.table.tokens();
  const std::byte* from = sequence.saved.bytes.data();
  for (const BlockAddress address : sequence.table.blocks()) {
    layout.copy_rows(from, pool_.place(address), std::min(left, block_tokens_));
    left -= block_tokens_;
    from += layout.block_bytes();
  }
  sequence.saved = {};
  return true;
}

void Core::resume_choice(LiveSequence& sequence) {
  LiveRequest& request = *sequence.request;
  SuspendedChoice& was = request.work->resumed[sequence.choice];
  sequence.tokens.insert(sequence.tokens.end(), was.answer.begin(), was.answer.end());
  if (executor_.holds_whole_blocks()) sequence.saved = std::move(was.blocks);
  if (!was.over) return;
  sequence.over = true;
  sequence.finish = was.finish;
  leave_queue(sequence);
  request.usage.output_tokens += sequence.answer_tokens();
  --request.open;
}

}  // namespace llmos::engine
