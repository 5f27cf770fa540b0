// SPDX-License-Identifier: Apache-2.0
// Mailbox: what other threads tell the engine's thread. Shared with the streams, which may outlive
// the engine.
//
// Threads  post_*(), wake(), close(): any. take_*(), wait(): the engine's.
// Bounds   The queue of work has the engine's queue_max. Notes that do not fit become a sweep: the
//          engine then looks at every stream itself, so that none is lost.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/errands.h"
#include "engine/tenant_limits.h"
#include "engine/work.h"
#include "llmos/queue.h"
#include "sched/admission.h"
#include "sync/event.h"

namespace llmos::engine {

class Mailbox {
 public:
  enum class Note : uint8_t { kCancel, kRoom, kSuspend };
  struct StreamNote {
    uint64_t request;
    Note note;
  };

  explicit Mailbox(uint32_t queue_max, TenantLimits limits = {})
      : queue_max_(queue_max),
        limits_(std::move(limits)),
        bounds_tenants_(limits_.any_queue()),
        work_(queue_max),
        notes_(kNotes) {}

  // kExhausted when `choices` more sequences would not fit into the queue, or into their tenant's
  // share of it; kCancelled when closed. The work stays with the caller then.
  Status post_work(std::unique_ptr<Work>& work);
  void post_note(StreamNote note) noexcept;
  void wake() noexcept { event_.set(); }
  // Nothing further is accepted.
  void close() noexcept { closed_.store(true); }
  // Whether a post_work() that came before close() may still be under way.
  bool posting() const noexcept { return posting_.load() != 0; }
  bool closed() const noexcept { return closed_.load(); }

  std::optional<std::unique_ptr<Work>> take_work() { return work_.try_pop(); }
  std::optional<StreamNote> take_note() { return notes_.try_pop(); }
  bool take_sweep() noexcept { return sweep_.exchange(false, std::memory_order_acq_rel); }
  void wait(std::chrono::nanoseconds timeout) noexcept {
    static_cast<void>(event_.wait_for(timeout));
  }
  Errands& errands() noexcept { return errands_; }
  // What admission knows: told by the engine now and then, asked by those who submit. Everything is
  // admitted until the engine has measured its first steps.
  void publish(const sched::Load& load, const SchedulingCosts& costs, double wait_seconds_max);
  // Whether `work` can end before its deadline, and nobody would wait beyond the bound. Takes a
  // lock for a moment.
  Status admit(const Work& work, Instant now) const;
  // Sequences that wait are counted from post_work() until the engine says that they do not.
  void left_queue(uint32_t sequences, std::string_view tenant) noexcept;
  uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  Status try_post(std::unique_ptr<Work>& work);
  Status enter_tenant_queue(const std::string& tenant, uint32_t sequences);
  void leave_tenant_queue(std::string_view tenant, uint32_t sequences) noexcept;

  static constexpr size_t kNotes = 4096;  // 64 KiB; beyond it a sweep is as cheap

  const uint32_t queue_max_;
  const TenantLimits limits_;
  const bool bounds_tenants_;
  std::mutex tenants_mutex_;
  std::map<std::string, uint32_t, std::less<>> waiting_of_;  // guarded; those who have somebody
  MpscQueue<std::unique_ptr<Work>> work_;
  MpscQueue<StreamNote> notes_;
  Errands errands_;
  Event event_{Event::Reset::kAutomatic};
  mutable std::mutex load_mutex_;
  bool load_known_ = false;  // guarded, with the next
  sched::Load load_;
  SchedulingCosts costs_;
  double wait_seconds_max_ = 0;
  std::atomic<uint32_t> waiting_{0};
  std::atomic<bool> sweep_{false};
  // Sequentially consistent, both: either a post sees that the mailbox is closed, or the closer
  // sees the post under way and waits for it.
  std::atomic<bool> closed_{false};
  std::atomic<uint32_t> posting_{0};
};

}  // namespace llmos::engine
