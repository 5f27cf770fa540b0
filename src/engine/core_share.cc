// SPDX-License-Identifier: Apache-2.0
// Core: who begins like a neighbour whose prompt is being computed waits for the neighbour's
// blocks, and lends it its urgency.
#include <algorithm>

#include "engine/core.h"

namespace llmos::engine {
namespace {

// Whole blocks that both begin with, and that the first has a token behind.
int64_t common_blocks(const LiveSequence& waits, const LiveSequence& produces, int64_t size) {
  const size_t most = std::min(waits.tokens.size() - 1, produces.tokens.size());
  const auto end = waits.tokens.begin() + std::ptrdiff_t(most);
  const auto differs = std::mismatch(waits.tokens.begin(), end, produces.tokens.begin()).first;
  return int64_t(differs - waits.tokens.begin()) / size;
}

}  // namespace

// It is in memory, and a whole block of its prompt is still to come.
bool Core::produces(const LiveSequence& sequence) const {
  if (sequence.over || sequence.index == sched::kNoSequence || !sequence.lease.valid())
    return false;
  if (sequence.parked || sequence.request->suspending) return false;
  if (scheduler_->at(sequence.index).stage != sched::Stage::kResident) return false;
  const int64_t whole = int64_t(sequence.request->work->prompt.size()) / block_tokens_;
  return sequence.lease.blocks() < whole;
}

void Core::begin_producing(LiveSequence& sequence) {
  if (produces(sequence)) producing_.push_back(&sequence);
}

// True: the sequence is parked until the neighbour has computed what both begin with.
bool Core::await_neighbour(LiveSequence& sequence) {
  if (producing_.empty() || needs_whole_prompt(sequence)) return false;
  LiveSequence* best = nullptr;
  int64_t blocks = prefixes_.known_blocks(sequence);
  for (LiveSequence* other : producing_) {
    if (other == &sequence || !produces(*other)) continue;
    if (other->request->work->request.tenant != sequence.request->work->request.tenant) continue;
    const int64_t common = common_blocks(sequence, *other, block_tokens_);
    if (common > blocks) best = other, blocks = common;
  }
  if (!best) return false;
  const SequenceView& own = scheduler_->at(sequence.index).view;
  const SequenceView& its = scheduler_->at(best->index).view;
  // A level can be lent, a key cannot: who stands behind by its key would not be quicker.
  if (scheduler_config_.composition.keyed && its.rank.key > own.rank.key) return false;
  scheduler_->inherit(best->index, own.priority, own.rank.level);
  scheduler_->park(sequence.index, now());
  waiters_.push_back({&sequence, best, blocks});
  return true;
}

// Those whose blocks are there, or will not come.
void Core::wake_waiters() {
  std::erase_if(producing_, [this](const LiveSequence* other) { return !produces(*other); });
  std::erase_if(waiters_, [this](const Waiter& waiter) {
    if (produces(*waiter.produces) && waiter.produces->lease.blocks() < waiter.blocks) return false;
    wake(*waiter.waits);
    return true;
  });
}

void Core::wake(LiveSequence& sequence) {
  if (!sequence.over && !sequence.parked) scheduler_->unpark(sequence.index, now());
}

// Of a sequence that ends.
void Core::leave_neighbours(LiveSequence& sequence) {
  std::erase(producing_, &sequence);
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (waiter.waits != &sequence && waiter.produces != &sequence) return false;
    if (waiter.waits != &sequence) wake(*waiter.waits);
    return true;
  });
}

}  // namespace llmos::engine
