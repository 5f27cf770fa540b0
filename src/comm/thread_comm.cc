// SPDX-License-Identifier: Apache-2.0
#include "comm/thread_comm.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "base/os_cpu.h"
#include "base/os_memory.h"
#include "base/text.h"
#include "comm/arrival.h"
#include "sync/worker_pool.h"

namespace llmos {
namespace {

// 16 K floats: a decoded token of the widest models in one round, and small enough to stay in a
// core's own cache until the others read it.
constexpr size_t kSlotBytes = size_t{64} << 10;

struct Call {
  std::string_view name;
  size_t bytes = 0;
  friend bool operator==(const Call&, const Call&) = default;
};

// What one rank shows the others in one round.
struct Slot {
  Call call;
  size_t root = 0;
  alignas(detail::kCacheLineBytes) std::byte bytes[kSlotBytes];
};

// Pages for the two slots of a rank, untouched until the rank writes there.
class SlotPages {
 public:
  SlotPages() = default;
  SlotPages(SlotPages&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  ~SlotPages() {
    if (memory_) os::release(memory_, bytes());
  }
  Status allocate() {
    Result<std::byte*> memory = os::reserve(bytes(), os::page_bytes());
    if (!memory.ok()) return memory.status();
    memory_ = *memory;
    if (os::commit(memory_, bytes())) return {};
    return {Code::kExhausted, "ranks: the system refused the memory in which they meet"};
  }
  Slot& operator[](uint32_t round) { return reinterpret_cast<Slot*>(memory_)[round % 2]; }

 private:
  static size_t bytes() {
    const size_t page = os::page_bytes();
    return (2 * sizeof(Slot) + page - 1) / page * page;
  }
  std::byte* memory_ = nullptr;
};

struct Member {
  detail::Arrival arrival;
  SlotPages slots;
};

// What the ranks share. The first failure ends it.
class Group {
 public:
  explicit Group(const ThreadRanksOptions& options)
      : timeout_(options.timeout), members_(size_t(options.ranks)) {}

  Status allocate() {
    for (Member& member : members_) {
      if (Status status = member.slots.allocate(); !status.ok()) return status;
    }
    return {};
  }

  int size() const { return int(members_.size()); }
  std::chrono::nanoseconds timeout() const { return timeout_; }
  Member& member(int rank) { return members_[size_t(rank)]; }

  void end(const Status& why) {
    {
      const std::lock_guard lock(mutex_);
      if (ended()) return;
      failure_ = why;
      ended_.store(true, std::memory_order_release);
    }
    for (Member& member : members_) member.arrival.end();
  }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  Status failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  const std::chrono::nanoseconds timeout_;
  std::vector<Member> members_;
  std::mutex mutex_;
  std::atomic<bool> ended_{false};
  Status failure_;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Group> group, int rank, detail::SpinBudget budget)
      : group_(std::move(group)), rank_(rank), budget_(budget) {}
  ~ThreadCommunicator() override {
    group_->end(Status(Code::kCancelled, (Text() << "rank " << rank_ << " has left").str()));
  }

  int rank() const noexcept override { return rank_; }
  int size() const noexcept override { return group_->size(); }

  Status all_reduce(std::span<float> data) override {
    constexpr size_t kFloats = kSlotBytes / sizeof(float);
    for (size_t at = 0; at < data.size(); at += kFloats) {
      const std::span<float> part = data.subspan(at, std::min(kFloats, data.size() - at));
      if (Status status = meet({"all_reduce", data.size_bytes()}, std::as_bytes(part));
          !status.ok())
        return status;
      sum(part);
    }
    return {};
  }

  Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) override {
    if (all.size() != own.size() * size_t(size())) {
      return {Code::kInvalid, (Text() << "all_gather: expected room for " << own.size()
                                      << " bytes of " << size() << " ranks, found " << all.size())
                                  .str()};
    }
    for (size_t at = 0; at < own.size(); at += kSlotBytes) {
      const size_t bytes = std::min(kSlotBytes, own.size() - at);
      if (Status status = meet({"all_gather", own.size()}, own.subspan(at, bytes)); !status.ok())
        return status;
      for (int r = 0; r < size(); ++r)
        std::memcpy(all.data() + size_t(r) * own.size() + at, of(r).bytes, bytes);
    }
    return {};
  }

  Status broadcast(std::span<std::byte> data, int root, Patience patience) override {
    if (root < 0 || root >= size()) {
      return {Code::kInvalid, (Text() << "broadcast: expected a root from 0 to " << size() - 1
                                      << ", found " << root)
                                  .str()};
    }
    for (size_t at = 0; at < data.size(); at += kSlotBytes) {
      const std::span<std::byte> part = data.subspan(at, std::min(kSlotBytes, data.size() - at));
      const bool is_root = rank_ == root;
      const Call call{"broadcast", data.size()};
      if (Status status = meet(call, is_root ? part : part.first(0), patience, size_t(root));
          !status.ok())
        return status;
      if (!is_root) std::memcpy(part.data(), of(root).bytes, part.size());
    }
    return {};
  }

  Status barrier() override { return meet({"barrier", 0}, {}); }

  void abort(const Status& why) noexcept override { group_->end(why); }

 private:
  // Of the round that is running.
  Slot& of(int rank) { return group_->member(rank).slots[round_]; }

  // One round: all ranks' parts are in their slots when it returns.
  Status meet(const Call& call, std::span<const std::byte> own,
              Patience patience = Patience::kTimeout, size_t root = 0) {
    if (group_->ended()) return group_->failure();
    ++round_;
    Slot& slot = of(rank_);
    slot.call = call;
    slot.root = root;
    if (!own.empty()) std::memcpy(slot.bytes, own.data(), own.size());
    group_->member(rank_).arrival.arrive();
    for (int r = 0; r < size(); ++r) {
      if (r == rank_) continue;
      if (Status status = wait(r, call, patience); !status.ok()) return status;
    }
    return {};
  }

  Status wait(int other, const Call& call, Patience patience) {
    const auto limit =
        patience == Patience::kIdle ? std::chrono::nanoseconds(0) : group_->timeout();
    switch (group_->member(other).arrival.wait(round_, budget_, limit)) {
      case detail::Arrival::Wait::kCame:
        break;
      case detail::Arrival::Wait::kEnded:
        return group_->failure();
      case detail::Arrival::Wait::kTimedOut:
        group_->end(
            Status(Code::kDeadline,
                   (Text() << "rank " << other << " did not come within "
                           << std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()
                           << " ms to call " << round_ << " (" << call.name << " of " << call.bytes
                           << " bytes): it is lost or stalled")
                       .str()));
        return group_->failure();
    }
    const Slot& theirs = of(other);
    if (theirs.call == call && theirs.root == of(rank_).root) return {};
    group_->end(Status(Code::kInvalid,
                       (Text() << "call " << round_ << ": rank " << rank_ << " calls " << call.name
                               << " of " << call.bytes << " bytes, rank " << other << ' '
                               << theirs.call.name << " of " << theirs.call.bytes)
                           .str()));
    return group_->failure();
  }

  // In the order of ranks, whoever adds: so all ranks get the same bits.
  void sum(std::span<float> into) {
    const size_t count = into.size();
    float* const out = into.data();
    const auto floats = [this](int r) { return reinterpret_cast<const float*>(of(r).bytes); };
    if (size() == 1) return;
    const float *a = floats(0), *b = floats(1);
    for (size_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
    for (int r = 2; r < size(); ++r) {
      const float* const next = floats(r);
      for (size_t i = 0; i < count; ++i) out[i] += next[i];
    }
  }

  const std::shared_ptr<Group> group_;
  const int rank_;
  uint32_t round_ = 0;
  detail::SpinBudget budget_;
};

Status check(const ThreadRanksOptions& options) {
  if (options.ranks < 1 || options.ranks > kThreadRanksMax) {
    return {Code::kInvalid,
            (Text() << "ranks: expected 1 to " << kThreadRanksMax << ", found " << options.ranks)
                .str()};
  }
  if (options.timeout.count() > 0) return {};
  return {Code::kInvalid, "ranks: expected a timeout above 0"};
}

}  // namespace

Result<std::vector<std::unique_ptr<Communicator>>> make_thread_ranks(
    const ThreadRanksOptions& options) {
  if (Status status = check(options); !status.ok()) return status;
  auto group = std::make_shared<Group>(options);
  if (Status status = group->allocate(); !status.ok()) return status;
  const bool crowded = options.ranks * options.threads_each > os::usable_cpu_count();
  const int spins = crowded ? WorkerPool::kSpinsLeast : WorkerPool::kSpinsMost;
  const detail::SpinBudget budget{.least = WorkerPool::kSpinsLeast,
                                  .most = spins,
                                  .now = spins,
                                  .yields = crowded ? WorkerPool::kYieldsCrowded : 0};
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (int r = 0; r < options.ranks; ++r)
    ranks.push_back(std::make_unique<ThreadCommunicator>(group, r, budget));
  return ranks;
}

}  // namespace llmos
