// SPDX-License-Identifier: Apache-2.0
#include "engine/tier_use.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace llmos::engine {
namespace {

// Of a slow disk. What is not measured yet is taken to be so quick at least: the first victims
// find out.
constexpr double kBytesPerSecondLeast = 100e6;
// What was measured longer ago may have been another program's fault: then it is tried again.
constexpr std::chrono::seconds kRateKept{60};
// Computing threads and the swapper's share the cores and the memory: nothing of a move is free.
constexpr double kExposed = 1;

}  // namespace

TierUse::TierUse(BlockPool& pool, PrefixReuse& prefixes, std::unique_ptr<Tier> tier, bool always,
                 Clock& clock, std::function<void()> landed)
    : pool_(pool), prefixes_(prefixes), clock_(clock), always_(always) {
  if (!tier) return;
  swapper_ = std::make_unique<Swapper>(pool, std::move(tier), clock, std::move(landed));
}

bool TierUse::send(LiveSequence& sequence, const SchedulingCosts& costs) {
  LLMOS_CHECK(sequence.away == Away::kHere && sequence.in_flight == 0);
  if (!swapper_) return false;
  const int64_t kept = kept_blocks(sequence);
  const int64_t blocks = int64_t(sequence.table.blocks().size()) - kept;
  if (!swapper_->can_park(blocks)) return false;
  const SwapVictim victim{.tokens = sequence.table.tokens(),
                          .tokens_cached = kept * pool_.layout().shape().block_tokens,
                          .bytes = uint64_t(blocks) * pool_.layout().block_bytes()};
  const SwapEstimate estimate = choose_swap(victim, rates(costs, victim.tokens), true);
  if (!always_ && estimate.choice != SwapChoice::kSwap) return false;
  sequence.away = Away::kGoing;
  going_.push_back(&sequence);
  return true;
}

void TierUse::fetch(LiveSequence& sequence) {
  LLMOS_CHECK(sequence.away == Away::kAway);
  sequence.away = Away::kWanted;
  wanted_.push_back(&sequence);
}

// Blocks of the cache that somebody else uses: a reference of the table, one of the cache, and
// another. One that needs the states of its whole prompt is lent nothing when it comes back.
int64_t TierUse::kept_blocks(const LiveSequence& sequence) const {
  if (!sequence.lease.valid() || needs_whole_prompt(sequence)) return 0;
  const int64_t most = std::min(sequence.lease.blocks(), sequence.table.full_blocks());
  int64_t kept = 0;
  while (kept < most && pool_.reference_count(sequence.table.block(kept)) > 2) ++kept;
  return kept;
}

double TierUse::known_rate(double measured) const {
  const bool fresh = clock_.now() - last_moved_ < kRateKept;
  return measured > 0 && fresh ? measured : std::max(measured, kBytesPerSecondLeast);
}

// A chunk of a prompt attends to all before it, and shares its step with others.
SwapRates TierUse::rates(const SchedulingCosts& costs, int64_t tokens) const {
  const SwapStats& stats = swapper_->stats();
  const double chunk = std::max(1.0, double(costs.tokens_per_step) - costs.slots);
  return {.out_bytes_per_s = known_rate(stats.out_bytes_per_s),
          .in_bytes_per_s = known_rate(stats.in_bytes_per_s),
          .bytes_waiting = double(stats.bytes_waiting),
          .prefill_s = std::ceil(double(tokens) / chunk) * costs.step / costs.slots,
          .prefill_s_per_token = costs.prompt_token,
          .prefill_s_per_token_pair = costs.context_token / chunk,
          .exposed = kExposed};
}

void TierUse::start(Moved moved) {
  if (!swapper_) return;
  for (LiveSequence* const sequence : std::exchange(going_, {})) {
    if (!leave(*sequence)) moved(*sequence, false);
  }
  if (wanted_.empty()) return;
  std::erase_if(wanted_, [&](LiveSequence* sequence) { return come_back(*sequence, moved); });
}

bool TierUse::leave(LiveSequence& sequence) {
  const int64_t kept = kept_blocks(sequence);
  const int64_t size = pool_.layout().shape().block_tokens;
  sequence.moving_tokens = sequence.table.tokens() - kept * size;
  // The new one has all its room: steps in flight point into a table, so it must never grow.
  BlockTable table = std::exchange(sequence.table, BlockTable(pool_, sequence.table.tokens_max()));
  const std::optional<ParkId> id = swapper_->park(table, kept);
  prefixes_.give_up(sequence);
  if (!id) {
    sequence.away = Away::kHere;
    return false;
  }
  sequence.away = Away::kLeaving;
  sequence.park = *id;
  moving_.push_back(&sequence);
  return true;
}

// True when it is wanted no more: it is being read, or cannot be. False: there are no blocks.
bool TierUse::come_back(LiveSequence& sequence, Moved moved) {
  BlockTable& table = sequence.table;
  const int64_t tokens = swapper_->tokens(sequence.park);
  const int64_t size = pool_.layout().shape().block_tokens;
  if (!needs_whole_prompt(sequence)) prefixes_.lend(sequence);
  table.truncate(std::min(table.tokens(), tokens) / size * size);
  pool_.run_copies();  // of a part of a block that was lent
  if (table.full_blocks() < swapper_->keep_blocks(sequence.park)) {
    swapper_->drop(sequence.park);
    sequence.away = Away::kHere;
    table.clear();
    prefixes_.give_up(sequence);
    moved(sequence, false);
    return true;
  }
  sequence.moving_tokens = tokens - table.tokens();
  prefixes_.room(table.blocks_needed(sequence.moving_tokens));
  if (!swapper_->resume(sequence.park, table)) {
    table.clear();
    prefixes_.give_up(sequence);
    return false;
  }
  sequence.away = Away::kReturning;
  moving_.push_back(&sequence);
  return true;
}

void TierUse::poll(Moved moved) {
  if (!swapper_) return;
  swapper_->poll();
  if (moving_.empty()) return;
  std::erase_if(moving_, [&](LiveSequence* sequence) { return land(*sequence, moved); });
}

// True when its move is over.
bool TierUse::land(LiveSequence& sequence, Moved moved) {
  const ParkState state = swapper_->state(sequence.park);
  if (state == ParkState::kWriting || state == ParkState::kReading) return false;
  last_moved_ = clock_.now();
  bool ok = state == ParkState::kParked;
  if (state != ParkState::kLost) {
    const int64_t size = pool_.layout().shape().block_tokens;
    const auto blocks = uint64_t((sequence.moving_tokens + size - 1) / size);
    sequence.bytes_swapped += blocks * pool_.layout().block_bytes();
  }
  if (state == ParkState::kReady) ok = take(sequence);
  if (state == ParkState::kLost) swapper_->drop(sequence.park);
  sequence.away = state == ParkState::kParked ? Away::kAway : Away::kHere;
  moved(sequence, ok);
  return true;
}

// What lies before the first block that is not right goes to the cache, to be found again.
bool TierUse::take(LiveSequence& sequence) {
  Resumed back = swapper_->take(sequence.park);
  const bool whole = back.tokens_valid == back.table.tokens();
  sequence.table = std::move(back.table);
  if (whole) return true;
  sequence.table.truncate(back.tokens_valid);
  prefixes_.keep(sequence, back.tokens_valid);
  prefixes_.give_up(sequence);
  sequence.table.clear();
  return false;
}

void TierUse::forget(LiveSequence& sequence) {
  switch (std::exchange(sequence.away, Away::kHere)) {
    case Away::kHere:
      return;
    case Away::kGoing:
      std::erase(going_, &sequence);
      return;
    case Away::kWanted:
      std::erase(wanted_, &sequence);
      break;
    case Away::kLeaving:
    case Away::kReturning:
      std::erase(moving_, &sequence);
      break;
    case Away::kAway:
      break;
  }
  swapper_->drop(sequence.park);
}

uint64_t TierUse::tokens_free() const {
  if (!swapper_ || !swapper_->can_park(1)) return 0;
  return uint64_t{swapper_->free_slots()} * uint64_t(pool_.layout().shape().block_tokens);
}

double TierUse::token_seconds() const {
  const double measured = swapper_ ? swapper_->stats().out_bytes_per_s : 0;
  return double(pool_.layout().bytes_per_token()) / known_rate(measured);
}

uint64_t TierUse::bytes_used() const {
  if (!swapper_) return 0;
  return uint64_t{swapper_->slots() - swapper_->free_slots()} * pool_.layout().block_bytes();
}

uint64_t TierUse::failures() const {
  if (!swapper_) return 0;
  return swapper_->stats().blocks_failed + swapper_->stats().blocks_corrupt;
}

void TierUse::check_integrity() const {
  const auto check = [](const std::vector<LiveSequence*>& list, Away first, Away second) {
    for (const LiveSequence* sequence : list) {
      LLMOS_CHECK(sequence->away == first || sequence->away == second);
      LLMOS_CHECK(first == Away::kGoing || sequence->table.tokens() == 0);
    }
  };
  check(going_, Away::kGoing, Away::kGoing);
  check(moving_, Away::kLeaving, Away::kReturning);
  check(wanted_, Away::kWanted, Away::kWanted);
  if (swapper_) swapper_->check_integrity();
}

}  // namespace llmos::engine
