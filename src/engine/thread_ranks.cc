// SPDX-License-Identifier: Apache-2.0
#include "engine/thread_ranks.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/os_cpu.h"
#include "base/text.h"
#include "kv/block_pool.h"

namespace llmos::engine {

// One rank, and for all but 0 the thread that follows.
struct ThreadRanks::Rank {
  ~Rank() { close(); }

  // Follows in the group that it is given, one after the other, until closed.
  void serve(const std::function<void(int)>& before_step) {
    for (;;) {
      Communicator* group = nullptr;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return closed || next; });
        if (closed) return;
        group = std::exchange(next, nullptr);
      }
      const auto hook = [&] {
        if (before_step) before_step(number);
      };
      model->rejoin(*group);
      // What it answers the others know: it is the group's end, or they hear it by abort().
      static_cast<void>(follow(*model, *cache, *group, hook));
      const std::lock_guard lock(mutex);
      busy = false;
      changed.notify_all();
    }
  }

  void join(Communicator& group) {
    const std::lock_guard lock(mutex);
    next = &group;
    busy = true;
    changed.notify_all();
  }

  bool idle_within(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, time, [&] { return !busy; });
  }

  void close() {
    {
      const std::lock_guard lock(mutex);
      closed = true;
      changed.notify_all();
    }
    if (thread.joinable()) thread.join();
  }

  int number = 0;
  std::unique_ptr<ComputeDevice> device;
  std::unique_ptr<Transformer> model;
  std::optional<BlockLayout> layout;
  std::unique_ptr<BlockPool> cache;  // of the followers

  std::mutex mutex;
  std::condition_variable changed;
  Communicator* next = nullptr;
  bool busy = false, closed = false;
  std::thread thread;
};

ThreadRanks::ThreadRanks(const ThreadRanksSetup& setup)
    : setup_(setup),
      threads_each_(setup.threads_each ? setup.threads_each
                                       : std::max(1, os::usable_cpu_count() / setup.ranks)) {}

ThreadRanks::~ThreadRanks() {
  if (group_.empty()) return;
  // A follower that waits for a step ends at once, one that computes at its next exchange.
  group_[0]->abort(Status(Code::kCancelled, "the engine was closed"));
  for (const auto& rank : ranks_) rank->close();
}

Result<std::unique_ptr<ThreadRanks>> ThreadRanks::open(const Checkpoint& checkpoint,
                                                       const ThreadRanksSetup& setup) {
  std::unique_ptr<ThreadRanks> ranks(new ThreadRanks(setup));
  if (Status status = ranks->load(checkpoint); !status.ok()) return status;
  return ranks;
}

Status ThreadRanks::load(const Checkpoint& checkpoint) {
  if (Status status = form_group(); !status.ok()) return status;
  for (int r = 0; r < setup_.ranks; ++r) {
    ranks_.push_back(std::make_unique<Rank>());
    ranks_.back()->number = r;
    if (Status status = load_rank(checkpoint, *ranks_.back()); !status.ok()) return status;
  }
  leader_ = std::make_unique<RankLeader>(*ranks_[0]->model, *group_[0]);
  return {};
}

Status ThreadRanks::load_rank(const Checkpoint& checkpoint, Rank& rank) {
  auto device = ComputeDevice::create(
      {.kind = Device::kCpu, .threads = threads_each_, .kernel_set = setup_.kernel_set});
  if (!device.ok()) return device.status();
  rank.device = *std::move(device);
  auto model = Transformer::load(checkpoint, *rank.device, setup_.limits, setup_.progress,
                                 setup_.repack, group_[size_t(rank.number)].get());
  if (!model.ok()) return model.status();
  rank.model = std::make_unique<Transformer>(*std::move(model));
  BlockShape shape = setup_.cache;
  shape.kv_heads = rank.model->shard().kv_heads;
  Result<BlockLayout> layout = BlockLayout::create(shape);
  if (!layout.ok()) return layout.status();
  rank.layout = *layout;
  return {};
}

Status ThreadRanks::make_caches(BlockPool& pool) {
  pool.watch_copies([this](std::span<const BlockCopy> copies) { leader_->copied(copies); });
  for (size_t r = 1; r < ranks_.size(); ++r) {
    Rank& rank = *ranks_[r];
    Result<Buffer> memory = rank.device->allocate(pool.capacity() * rank.layout->block_bytes());
    if (!memory.ok()) return memory.status();
    rank.cache = std::make_unique<BlockPool>(*std::move(memory), *rank.layout);
    rank.thread = std::thread([this, &rank] { rank.serve(setup_.before_step); });
    rank.join(*group_[r]);
  }
  return {};
}

Status ThreadRanks::form_group() {
  auto group = make_thread_ranks(
      {.ranks = setup_.ranks, .threads_each = threads_each_, .timeout = setup_.timeout});
  if (!group.ok()) return group.status();
  group_ = *std::move(group);
  return {};
}

Result<std::span<const float>> ThreadRanks::run(const Batch& batch, const BlockPool& cache) {
  if (leader_->lost()) {
    if (Status status = reopen(); !status.ok()) return status;
  }
  return leader_->run(batch, cache);
}

Status ThreadRanks::reopen() {
  group_[0]->abort(Status(Code::kCancelled, "the ranks begin anew"));
  for (size_t r = 1; r < ranks_.size(); ++r) {
    if (ranks_[r]->idle_within(setup_.timeout)) continue;
    return {Code::kDeadline,
            (Text() << "rank " << r << " is still stalled: the ranks cannot begin anew").str()};
  }
  if (Status status = form_group(); !status.ok()) return status;
  leader_->lead(*group_[0]);
  for (size_t r = 1; r < ranks_.size(); ++r) ranks_[r]->join(*group_[r]);
  return {};
}

ComputeDevice& ThreadRanks::device() noexcept { return *ranks_[0]->device; }
Transformer& ThreadRanks::model() noexcept { return *ranks_[0]->model; }
const BlockLayout& ThreadRanks::layout() const noexcept { return *ranks_[0]->layout; }

}  // namespace llmos::engine
