// SPDX-License-Identifier: Apache-2.0
// SpscRing: the queue of exactly one producer thread and one consumer thread. It has the interface
// and the promises of the queues in llmos/queue.h, and neither side executes a read-modify-write.
//
// Threads   push calls belong to the producer thread, pop calls and drain() to the consumer thread;
//           close() and the numbers are for any thread.
// Closing   A push marks itself busy, then looks whether the ring is open: two plain operations
//           that the process barrier of close() orders (as in EventCount). So the end is told only
//           when no push can still succeed.
//
// Invariants
//   (1) head_ <= tail_ <= head_ + capacity; head_ is written by the consumer, tail_ by the
//   producer (2) slot t holds an element exactly while head_ <= t < tail_ (3) head_seen_ <=
//   head_ and tail_seen_ <= tail_: what they show is there (4) once state_ is kClosed, a push
//   that was not busy then fails
#pragma once

#include <utility>

#include "base/os_memory.h"
#include "llmos/queue.h"

namespace llmos {

template <QueueElement T, QueueProbe<T> Probe = NoProbe>
class SpscRing : public detail::QueueInterface<SpscRing<T, Probe>, T> {
 public:
  // Room for `capacity` elements at least (rounded up to a power of two), 1 to kQueueCapacityMax.
  explicit SpscRing(size_t capacity, Probe probe = {})
      : ring_(detail::queue_capacity(capacity)),
        asymmetric_(os::process_barrier_available()),
        probe_(std::move(probe)) {}
  ~SpscRing() {
    while (pop_once([](T&&) noexcept {})) continue;
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // From now on every push fails; wakes who waits. Idempotent.
  void close() noexcept {
    uint32_t expected = kOpen;
    // acq_rel: without the process barrier this read-modify-write is ordered with is_open()'s.
    if (!state_.compare_exchange_strong(expected, kClosing, std::memory_order_acq_rel)) return;
    if (asymmetric_) os::process_barrier();
    state_.store(kClosed,
                 std::memory_order_release);  // with it, the busy mark of a push in progress
    not_empty_.notify(1);
    not_full_.notify(1);
  }
  bool closed() const noexcept { return state_.load(std::memory_order_acquire) != kOpen; }
  size_t capacity() const noexcept { return ring_.capacity(); }
  size_t size() const noexcept {
    const uint64_t head = head_.load(std::memory_order_acquire);  // first: head never passes tail
    const uint64_t tail = tail_.load(std::memory_order_acquire);
    return size_t(std::min<uint64_t>(tail - head, capacity()));
  }
  QueueStats stats() const noexcept {
    const uint64_t popped = head_.load(std::memory_order_acquire);
    const uint64_t pushed = tail_.load(std::memory_order_relaxed);
    return {pushed, popped, this->full_rejections()};
  }
  Probe& probe() noexcept { return probe_; }

 private:
  friend class detail::QueueInterface<SpscRing, T>;
  enum State : uint32_t { kOpen, kClosing, kClosed };
  struct Slot {
    [[no_unique_address]] typename Probe::Stamp stamp;
    alignas(T) std::byte storage[sizeof(T)];
    T* value() noexcept { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  detail::Claim push_once(T& value) noexcept {
    busy_.store(true, std::memory_order_relaxed);
    const detail::Claim claim = is_open() ? push_open(value) : detail::Claim::kClosed;
    busy_.store(false, std::memory_order_release);  // who sees it sees the tail_ before it
    not_empty_.notify(1);  // also when nothing came: the consumer may be waiting for the end
    return claim;
  }

  detail::Claim push_open(T& value) noexcept {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);  // ours
    if (!has_room(tail)) return detail::Claim::kFull;
    Slot& slot = ring_[tail];
    slot.stamp = probe_.pushed(std::as_const(value));
    std::construct_at(reinterpret_cast<T*>(slot.storage), std::move(value));
    tail_.store(tail + 1, std::memory_order_release);  // publishes element and stamp
    return detail::Claim::kDone;
  }

  // Whether close() has not begun; called with the busy mark set.
  bool is_open() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the mark's store stays before the load
    if (asymmetric_) [[likely]]
      return state_.load(std::memory_order_acquire) == kOpen;
    // Adding nothing: ordered with close()'s read-modify-write, which acquires the mark.
    return state_.fetch_add(0, std::memory_order_acq_rel) == kOpen;
  }

  bool has_room(uint64_t ticket) noexcept {
    if (ticket - head_seen_ < capacity()) [[likely]]
      return true;
    head_seen_ = head_.load(std::memory_order_acquire);  // the consumer is done with those slots
    return ticket - head_seen_ < capacity();
  }

  // How many elements from `head` on are there, looking at the producer's line only when needed.
  size_t ready(uint64_t head, size_t wanted) noexcept {
    if (tail_seen_ - head < wanted) tail_seen_ = tail_.load(std::memory_order_acquire);
    return size_t(std::min<uint64_t>(tail_seen_ - head, wanted));
  }

  template <class Sink>
  bool pop_once(Sink&& sink) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);  // ours
    if (ready(head, 1) == 0) return false;
    take(head, sink);
    free_slots(head, 1);
    return true;
  }

  size_t pop_once(std::span<T> out) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const size_t count = ready(head, out.size());
    for (size_t i = 0; i < count; ++i)
      take(head + i, [&](T&& value) noexcept { out[i] = std::move(value); });
    if (count > 0) free_slots(head, count);
    return count;
  }

  template <class Sink>
  void take(uint64_t ticket, Sink&& sink) noexcept {
    Slot& slot = ring_[ticket];
    T* const value = slot.value();
    probe_.popped(std::as_const(*value), std::as_const(slot.stamp));
    sink(std::move(*value));
    std::destroy_at(value);
  }

  void free_slots(uint64_t head, size_t count) noexcept {
    head_.store(head + count, std::memory_order_release);  // after the last touch of the slots
    not_full_.notify(1);
  }

  bool finished() const noexcept {
    // Acquire: what close() has ordered. kClosing is too early: a push may be about to turn busy.
    if (state_.load(std::memory_order_acquire) != kClosed) return false;
    if (busy_.load(std::memory_order_acquire)) return false;
    return tail_.load(std::memory_order_acquire) == head_.load(std::memory_order_relaxed);
  }

  void pass_on_room() noexcept {}     // there is one producer
  void pass_on_element() noexcept {}  // and one consumer

  // Read only, but for closing.
  detail::SlotRing<Slot> ring_;
  const bool asymmetric_;
  std::atomic<uint32_t> state_{kOpen};
  [[no_unique_address]] Probe probe_;
  // The producer's own line, the line that the consumer polls, and the consumer's line.
  alignas(detail::kCacheLineBytes) std::atomic<bool> busy_{false};
  uint64_t head_seen_ = 0;
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> tail_{0};
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> head_{0};
  uint64_t tail_seen_ = 0;
  // Each on its own line: read at every push and every pop, written when somebody parks.
  detail::EventCount not_empty_;
  detail::EventCount not_full_;
};
static_assert(
    sizeof(SpscRing<uint64_t>) == 7 * detail::kCacheLineBytes,
    "rejections, constants, producer's two, consumer's, one line per event count: none shares");

}  // namespace llmos
