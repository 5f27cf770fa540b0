// SPDX-License-Identifier: Apache-2.0
#include "kv/swapper.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace llmos {
namespace {

// Of a bandwidth's decayed mean: 20 blocks, some steps of the engine.
constexpr double kRateWeight = 0.05;

}  // namespace

Swapper::Swapper(BlockPool& pool, std::unique_ptr<Tier> tier, Clock& clock,
                 std::function<void()> landed)
    : pool_(&pool), tier_(std::move(tier)), clock_(&clock), wake_(std::move(landed)) {
  LLMOS_CHECK(tier_->block_bytes() == pool.layout().block_bytes()) << "a tier for other blocks";
  free_slots_.reserve(tier_->slots());
  for (TierSlot slot = tier_->slots(); slot > 0; --slot) free_slots_.push_back(slot - 1);
  thread_ = std::thread([this] { run(); });
}

Swapper::~Swapper() {
  jobs_.close();
  thread_.join();  // before any table gives its blocks back
}

void Swapper::run() {
  std::vector<std::byte> staging(tier_->block_bytes());
  while (std::optional<Job> job = jobs_.pop()) {
    LLMOS_CHECK(done_.try_push(perform(*job, staging))) << "more jobs than places for their ends";
    landed_.set();
    if (wake_) wake_();
  }
}

Swapper::Done Swapper::perform(const Job& job, std::vector<std::byte>& staging) {
  const auto start = std::chrono::steady_clock::now();
  const BlockLayout& layout = pool_->layout();
  std::span<std::byte> block(job.memory, layout.block_bytes());
  if (job.tokens > 0) block = staging;
  Done done{.park = job.park, .index = job.index, .out = job.out, .nanos = 0, .status = {}};
  if (job.out) {
    if (job.tokens > 0) layout.copy_rows(job.memory, staging.data(), job.tokens);
    done.status = tier_->write(job.slot, block);
  } else {
    done.status = tier_->read(job.slot, block);
    if (job.tokens > 0 && done.status.ok()) {
      layout.copy_rows(staging.data(), job.memory, job.tokens);
    }
  }
  done.nanos = uint64_t((std::chrono::steady_clock::now() - start).count());
  return done;
}

bool Swapper::can_park(int64_t blocks) const {
  return blocks <= int64_t(free_slots_.size()) && clock_->now() >= refuse_until_;
}

std::optional<ParkId> Swapper::park(BlockTable& table, int64_t keep_blocks) {
  LLMOS_CHECK(pool_->copies().empty()) << "run_copies() comes first";
  const auto blocks = int64_t(table.blocks().size());
  LLMOS_CHECK(keep_blocks >= 0 && keep_blocks <= table.full_blocks()) << keep_blocks;
  if (!can_park(blocks - keep_blocks)) {
    ++stats_.parks_refused;
    return std::nullopt;
  }
  const ParkId id = ++last_id_;
  Parked& parked = parked_[id];
  parked.keep = keep_blocks;
  parked.tokens = table.tokens();
  parked.next = blocks - 1;
  parked.end = keep_blocks - 1;
  // Slots rise with the blocks, as they will be read: so the system reads ahead.
  parked.slots.assign(free_slots_.rbegin(), free_slots_.rbegin() + (blocks - keep_blocks));
  free_slots_.resize(free_slots_.size() - parked.slots.size());
  parked.table.emplace(std::move(table));
  ++stats_.parks;
  stats_.bytes_waiting += parked.slots.size() * tier_->block_bytes();
  waiting_.push_back(id);
  poll();
  return id;
}

bool Swapper::resume(ParkId id, BlockTable& table) {
  LLMOS_CHECK(pool_->copies().empty()) << "run_copies() comes first";
  Parked& parked = parked_.at(id);
  const auto has = int64_t(table.blocks().size());
  LLMOS_CHECK(table.tokens() == table.full_blocks() * pool_->layout().shape().block_tokens &&
              has >= parked.keep && table.tokens() <= parked.tokens)
      << "resume into " << table.tokens() << " tokens";
  if (parked.state != ParkState::kParked || !table.append(parked.tokens - table.tokens())) {
    return false;
  }
  parked.table.emplace(std::move(table));
  parked.state = ParkState::kReading;
  parked.tokens_valid = parked.tokens;
  parked.next = has;
  parked.end = int64_t(parked.table->blocks().size());
  ++stats_.resumes;
  stats_.bytes_waiting += uint64_t(parked.end - parked.next) * tier_->block_bytes();
  waiting_.push_back(id);
  poll();
  return true;
}

Resumed Swapper::take(ParkId id) {
  Parked& parked = parked_.at(id);
  LLMOS_CHECK(parked.state == ParkState::kReady) << "sequence " << id << " is not ready";
  Resumed resumed{*std::move(parked.table), parked.tokens_valid, std::move(parked.status)};
  parked.table.reset();
  forget(id);
  return resumed;
}

void Swapper::drop(ParkId id) {
  Parked& parked = parked_.at(id);
  parked.dropped = true;
  const int64_t left = std::abs(parked.end - parked.next);
  stats_.bytes_waiting -= uint64_t(left) * tier_->block_bytes();
  parked.next = parked.end;
  settle(id, parked);
}

const Swapper::Parked& Swapper::find(ParkId id) const {
  const auto at = parked_.find(id);
  LLMOS_CHECK(at != parked_.end() && !at->second.dropped) << "no parked sequence " << id;
  return at->second;
}
ParkState Swapper::state(ParkId id) const { return find(id).state; }
int64_t Swapper::tokens(ParkId id) const { return find(id).tokens; }
int64_t Swapper::keep_blocks(ParkId id) const { return find(id).keep; }

size_t Swapper::poll() {
  size_t changed = 0;
  while (std::optional<Done> done = done_.try_pop()) {
    --stats_.jobs_in_flight;
    stats_.bytes_waiting -= tier_->block_bytes();
    land(*done);
    const auto at = parked_.find(done->park);
    changed += settle(at->first, at->second);
  }
  while (!waiting_.empty() && stats_.jobs_in_flight < kJobsMax) {
    const ParkId id = waiting_.front();
    const auto at = parked_.find(id);
    if (at != parked_.end() && issue(id, at->second)) continue;
    waiting_.pop_front();
    if (at != parked_.end()) changed += settle(id, at->second);
  }
  return changed;
}

// Hands one block to the thread; false when there is none left. Writing goes from the last block to
// the first, so that the table can give each back in turn.
bool Swapper::issue(ParkId id, Parked& parked) {
  if (parked.next == parked.end) return false;
  const int64_t index = parked.next;
  const bool out = parked.state == ParkState::kWriting;
  parked.next += out ? -1 : 1;
  const int64_t block_tokens = pool_->layout().shape().block_tokens;
  const bool is_part = index == parked.table->full_blocks();
  Job job{.park = id,
          .memory = pool_->place(parked.table->blocks()[size_t(index)]),
          .slot = parked.slots[size_t(index - parked.keep)],
          .index = int32_t(index),
          .tokens = int32_t(is_part ? parked.table->tokens() % block_tokens : 0),
          .out = out};
  LLMOS_CHECK(jobs_.try_push(std::move(job))) << "more jobs than kJobsMax";
  ++parked.in_flight;
  ++stats_.jobs_in_flight;
  return true;
}

void Swapper::land(const Done& done) {
  Parked& parked = parked_.at(done.park);
  --parked.in_flight;
  const int64_t before = int64_t(done.index) * pool_->layout().shape().block_tokens;
  if (done.status.ok()) {
    measure(done);
    // The thread works in order: what lies behind is written too. With jobs of this table still in
    // flight it only shrinks at its end.
    if (done.out && parked.state == ParkState::kWriting) parked.table->truncate(before);
  } else if (done.out) {
    fail_write(parked, done.status);
  } else {
    ++stats_.blocks_corrupt;
    report(done.status);
    if (before < parked.tokens_valid) parked.tokens_valid = before, parked.status = done.status;
  }
}

void Swapper::fail_write(Parked& parked, const Status& status) {
  ++stats_.blocks_failed;
  stats_.bytes_waiting -= uint64_t(parked.next - parked.end) * tier_->block_bytes();
  parked.next = parked.end;
  parked.state = ParkState::kLost;
  parked.status = status;
  refuse_until_ = clock_->after(kRetryAfter);
  report(status);
}

void Swapper::report(const Status& status) {
  last_error_ = status;
  if (std::exchange(error_logged_, true)) return;
  LLMOS_LOG(kWarn) << "kv swap: " << status.to_string()
                   << "; parked sequences are computed again instead";
}

// What follows when nothing of the sequence is in flight or waiting. True when its state changed.
bool Swapper::settle(ParkId id, Parked& parked) {
  if (parked.in_flight > 0 || parked.next != parked.end) return false;
  if (parked.dropped) {
    forget(id);
    return false;
  }
  switch (parked.state) {
    case ParkState::kWriting:
      parked.table.reset();  // the kept blocks
      parked.state = ParkState::kParked;
      return true;
    case ParkState::kReading:
      parked.state = ParkState::kReady;
      return true;
    case ParkState::kLost:
      if (!parked.table) return false;
      parked.table.reset();
      return true;
    case ParkState::kParked:
    case ParkState::kReady:
      return false;
  }
  return false;
}

void Swapper::forget(ParkId id) {
  const auto at = parked_.find(id);
  for (const TierSlot slot : at->second.slots) free_slots_.push_back(slot);
  parked_.erase(at);
}

void Swapper::measure(const Done& done) {
  const double rate =
      double(tier_->block_bytes()) * 1e9 / double(std::max<uint64_t>(done.nanos, 1));
  double& mean = done.out ? stats_.out_bytes_per_s : stats_.in_bytes_per_s;
  mean = mean == 0 ? rate : mean + kRateWeight * (rate - mean);
  (done.out ? stats_.bytes_out : stats_.bytes_in) += tier_->block_bytes();
}

bool Swapper::wait_idle(std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (poll(); moving(); poll()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    landed_.wait_for(left);
  }
  return true;
}

uint64_t Swapper::blocks_held() const {
  uint64_t blocks = 0;
  for (const auto& [id, parked] : parked_) {
    if (parked.table) blocks += parked.table->blocks().size();
  }
  return blocks;
}

void Swapper::check_integrity() const {
  size_t slots = free_slots_.size();
  int64_t in_flight = 0;
  for (const auto& [id, parked] : parked_) {
    slots += parked.slots.size();
    in_flight += parked.in_flight;
    LLMOS_CHECK(parked.in_flight == 0 || parked.table) << "sequence " << id << " has no table";
    if (parked.table) parked.table->check_integrity();
  }
  LLMOS_CHECK(slots == tier_->slots()) << slots << " slots of " << tier_->slots();
  LLMOS_CHECK(in_flight == int64_t(stats_.jobs_in_flight) && in_flight <= int64_t(kJobsMax));
}

}  // namespace llmos
