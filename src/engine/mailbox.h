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
#include <memory>
#include <optional>

#include "engine/work.h"
#include "llmos/queue.h"
#include "sync/event.h"

namespace llmos::engine {

class Mailbox {
 public:
  enum class Note : uint8_t { kCancel, kRoom };
  struct StreamNote {
    uint64_t request;
    Note note;
  };

  explicit Mailbox(uint32_t queue_max) : queue_max_(queue_max), work_(queue_max), notes_(kNotes) {}

  // kExhausted when `choices` more sequences would not fit into the queue, kCancelled when closed.
  // The work stays with the caller then.
  Status post_work(std::unique_ptr<Work>& work);
  void post_note(StreamNote note) noexcept;
  void wake() noexcept { event_.set(); }
  // Nothing further is accepted.
  void close() noexcept { closed_.store(true, std::memory_order_release); }
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  std::optional<std::unique_ptr<Work>> take_work() { return work_.try_pop(); }
  std::optional<StreamNote> take_note() { return notes_.try_pop(); }
  bool take_sweep() noexcept { return sweep_.exchange(false, std::memory_order_acq_rel); }
  void wait(std::chrono::nanoseconds timeout) noexcept { static_cast<void>(event_.wait_for(timeout)); }
  // Sequences that wait are counted from post_work() until the engine says that they do not.
  void left_queue(uint32_t sequences) noexcept { waiting_.fetch_sub(sequences); }
  uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kNotes = 4096;  // 64 KiB; beyond it a sweep is as cheap

  const uint32_t queue_max_;
  MpscQueue<std::unique_ptr<Work>> work_;
  MpscQueue<StreamNote> notes_;
  Event event_{Event::Reset::kAutomatic};
  std::atomic<uint32_t> waiting_{0};
  std::atomic<bool> sweep_{false};
  std::atomic<bool> closed_{false};
};

}  // namespace llmos::engine
