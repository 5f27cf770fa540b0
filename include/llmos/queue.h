// SPDX-License-Identifier: Apache-2.0
// Bounded lock-free queues that can be waited on, timed and closed.
//
//   llmos::MpscQueue<Job> queue(1024);
//   std::jthread consumer([&] { while (auto job = queue.pop()) run(*job); });  // until closed
//   if (!queue.try_push(std::move(job))) retry_later(job);  // full: the job is still ours
//   queue.close();                                          // what was pushed is still delivered
//
// Two queues with one interface: MpscQueue for any number of producers and one consumer thread (the
// faster one), MpmcQueue for any number of both.
//
// Words     A *ticket* is the number of a push since construction; ticket t lives in slot t mod
//           capacity. A push *claims* a ticket, moves its value into the slot and *publishes* it.
// Order     Elements leave in the order of their tickets; each producer's own order is kept. The
//           queues are linearisable first-in-first-out queues, "before" between threads meaning
//           happens-before.
// Weak      try_pop answers nothing when the queue is empty or when the oldest push is still
//           between claim and publish, even if later pushes are done. try_push of the MpmcQueue
//           answers full likewise when the pop of the slot's former element is still in progress.
//           Neither happens without a call in progress on another thread, and the blocking calls
//           wait it out.
// Closing   close() from any thread. A push either claimed before it and is delivered, or fails and
//           leaves its value with the caller. Consumers get everything that was claimed, and only
//           then the end (nullopt, 0). drain() closes and returns what is left. Nothing is lost or
//           doubled.
// Progress  A claim takes one compare-exchange that fails only when another thread's succeeded. A
//           thread that is stopped between claim and publish holds up the consumer (not the other
//           producers) until it goes on.
// Elements  Move-only types are welcome; moving and destroying must not throw.
// Failure   The constructor allocates, once, and throws std::bad_alloc as a container does; drain()
//           allocates its answer before it takes anything. Nothing else allocates or throws.
// Lifetime  The destructor destroys what is still queued; no other thread may be inside a call.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "llmos/version.h"

namespace llmos {

// The most slots a queue may have. 2^30 is far above any use and keeps every ticket difference
// within an int64_t and every allocation computable.
inline constexpr size_t kQueueCapacityMax = size_t{1} << 30;

template <class T>
concept QueueElement = std::is_object_v<T> && std::is_nothrow_move_constructible_v<T> &&
    std::is_nothrow_destructible_v<T>;

// Watches a queue, at compile time: NoProbe costs neither time nor bytes. A probe's calls come from
// the threads that push and pop, concurrently, and must not throw. What pushed() returns travels
// with the element, so latency is popped() minus stamp; elements pushed and not yet popped are
// stats().pushed - stats().popped, so loss is what remains of that once the queue is drained.
struct NoProbe {
  struct Stamp {};
  Stamp pushed(const auto& /*value*/) noexcept { return {}; }             // before it is published
  void popped(const auto& /*value*/, const Stamp& /*stamp*/) noexcept {}  // before it is handed out
};

template <class P, class T>
concept QueueProbe = requires(P probe, const T& value, const typename P::Stamp& stamp) {
  { probe.pushed(value) }
  noexcept->std::same_as<typename P::Stamp>;
  { probe.popped(value, stamp) }
  noexcept;
};

// A snapshot; each number is exact, but they are read one after the other.
struct QueueStats {
  uint64_t pushed = 0;           // tickets claimed (written by producers, with the claim itself)
  uint64_t popped = 0;           // elements taken (written by consumers, likewise)
  uint64_t full_rejections = 0;  // try_push that found it full, push_for that timed out
};

namespace detail {

// Lines that different threads write are kept this far apart. 64 is the line of x86-64 and of the
// server ARM cores; std::hardware_destructive_interference_size may change between compiler flags
// and so must not shape a public type.
inline constexpr size_t kCacheLineBytes = 64;

// A waiter looks, pauses, looks again after twice the pause, and so on, then parks.
// All of 1 + 2 + ... + 64 pauses take 2.8 us (Zen, 22 ns each) to 5.7 us (Skylake): about the price
// of one parking and waking, which bounds the waste at twice the best possible. The growing pauses
// leave the slot's line to the thread that is writing it (1.4 x the throughput of a constant
// pause).
inline constexpr int kLastPause = 64;
// For one element at a time the first look after an empty one is at once: the hand-over is quick.
inline constexpr int kFirstPause = 1;
// A batch, and a push that found the queue full, want throughput: 16 pauses (0.35 us) let some
// elements, or some room, gather, where a thread that looks at once meets every single one and both
// sides wait for the line (measured on batches: 8 M/s against 15 M/s to 38 M/s).
inline constexpr int kFirstBatchPause = 16;
// No sched_yield between the pauses and parking: the scheduler takes it for a renounced time slice
// and makes the thread wait for its next one. On busy CPUs the hand-over to a consumer that had
// yielded before it parked took 3.8 ms (median; one slice), without 2.8 us; the throughput gained
// by yielding with more threads than CPUs (four producers: 40 to 52 M/s) is not worth that.

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNever = Deadline::max();

LLMOS_API Deadline deadline_after(std::chrono::nanoseconds timeout) noexcept;  // saturates

// The power of two at or above `requested`. A request of 0 or above kQueueCapacityMax is a
// programmer error: the fatal handler.
LLMOS_API size_t queue_capacity(size_t requested);

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// EventCount lets threads sleep until a condition that other threads make true with plain atomic
// stores. The condition is the caller's; the count only carries the news.
//
//   waiter:    prepare(); if (condition) cancel(); else wait(deadline), then look again
//   notifier:  make the condition true; notify(1)
//
// The lost wake-up is a store-load race: the notifier stores the condition and loads waiters_, the
// waiter stores waiters_ and loads the condition, and if both loads may pass both stores neither
// sees the other. A fence in the notifier costs 4.5 ns on every push (Zen 3, as much as the rest of
// an uncontended push); instead the waiter pays, once per parking, with a process-wide barrier
// (membarrier, 0.25 us to 0.35 us where a parking costs several us): see waited_on().
//
// Invariants
//   (1) waiters_ + tokens_ == number of threads between prepare() and the end of cancel()/wait()
//   (2) each of them leaves by taking 1 from waiters_ (nobody had called it) or 1 from tokens_
//       (somebody has): so a call is paid for once, however late the thread gets to run, and no
//       token outlives the thread that it was made for
//   (3) a notify() after the condition's store finds every waiter whose own look missed that store
class alignas(kCacheLineBytes) EventCount {
 public:
  LLMOS_API EventCount() noexcept;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  // To be called after the store that makes the condition true. One load while nobody waits.
  void notify(size_t count) noexcept {
    if (waited_on()) [[unlikely]]
      wake(count);
  }

  // False: nobody waits who has not seen, or will not see before sleeping, all that this thread
  // stored before.
  bool waited_on() noexcept {
    // With the process barrier only the compiler must be kept from moving the load up: the waiter
    // has added itself, then made this thread pass a full barrier. If that was before the load, the
    // load sees the waiter; if after, the store before the load was visible to the waiter's look.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (asymmetric_) [[likely]]
      return waiters_.load(std::memory_order_relaxed) != 0;
    // Without: two read-modify-writes of one variable are ordered. Either this one sees the
    // waiter's, or the waiter's acquires what this one releases.
    return waiters_.fetch_add(0, std::memory_order_acq_rel) != 0;
  }

  LLMOS_API void wake(size_t count) noexcept;  // up to `count` waiters

  LLMOS_API void prepare() noexcept;
  LLMOS_API void cancel() noexcept;
  // True when called, false when the deadline passed. Either way the caller must look once more:
  // the call it answers to may be one that it has taken from another waiter.
  LLMOS_API bool wait(Deadline deadline) noexcept;

 private:
  bool take_token(Deadline deadline) noexcept;

  const bool asymmetric_;
  std::atomic<uint32_t> waiters_{0};
  std::atomic<uint32_t> tokens_{0};  // the futex
};
static_assert(sizeof(EventCount) == kCacheLineBytes, "read at every push: must not share its line");

// Calls `attempt` until it answers true: with pauses between, then parked on `event`.
// False when the deadline passes first.
template <class Attempt>
bool await(EventCount& event, Deadline deadline, int first_pause, Attempt&& attempt) noexcept {
  for (;;) {
    for (int pause = first_pause; pause <= kLastPause; pause *= 2) {
      if (attempt()) return true;
      for (int i = 0; i < pause; ++i) cpu_relax();
    }
    event.prepare();
    if (attempt()) {
      event.cancel();
      return true;
    }
    const bool called = event.wait(deadline);
    if (attempt()) return true;
    if (!called) return false;
  }
}

// One place of a queue's ring. `turn` says whose it is; each queue defines its values.
template <class T, class Stamp>
struct QueueSlot {
  std::atomic<uint64_t> turn{0};
  [[no_unique_address]] Stamp stamp;
  alignas(T) std::byte storage[sizeof(T)];

  T* value() noexcept { return std::launder(reinterpret_cast<T*>(storage)); }
};
static_assert(sizeof(QueueSlot<uint64_t, NoProbe::Stamp>) == 16, "an empty probe takes no room");

// A ring of slots that starts on a cache line.
template <class Slot>
class SlotRing {
 public:
  explicit SlotRing(size_t capacity)
      : slots_(static_cast<Slot*>(::operator new(capacity * sizeof(Slot), kAlignment))),
        mask_(capacity - 1) {
    std::uninitialized_default_construct_n(slots_, capacity);
  }
  ~SlotRing() { ::operator delete(slots_, kAlignment); }  // elements are the queue's to destroy
  SlotRing(const SlotRing&) = delete;
  SlotRing& operator=(const SlotRing&) = delete;

  size_t capacity() const noexcept { return mask_ + 1; }
  Slot& operator[](uint64_t ticket) const noexcept { return slots_[ticket & mask_]; }

 private:
  static constexpr std::align_val_t kAlignment{std::max(alignof(Slot), kCacheLineBytes)};
  Slot* slots_;
  size_t mask_;
};

// The producers' word holds the next ticket and, lowest, whether the queue is closed: so that one
// compare-exchange both claims a ticket and proves that the queue was open.
inline constexpr uint64_t kClosedBit = 1;
inline constexpr uint64_t kTicketStep = 2;
inline constexpr uint64_t ticket_of(uint64_t word) noexcept { return word / kTicketStep; }

enum class Claim : uint8_t { kDone, kFull, kClosed };

// What both queues offer on top of claiming and taking. `Queue` provides
//   Claim push_once(T&)              one try to push, moving from the value on kDone only
//   bool pop_once(Sink)              one try to pop, handing the element to `Sink(T&&)`
//   size_t pop_once(span<T>)         one try to pop several
//   bool finished()                  closed, and every ticket claimed before has been taken
//   ring_, tail_, head_, not_empty_, not_full_
template <class Queue, QueueElement T>
class QueueInterface {
 public:
  // False when full or closed; the value is then untouched.
  bool try_push(T&& value) noexcept {
    const Claim claim = self().push_once(value);
    if (claim == Claim::kFull) count_rejection();
    return claim == Claim::kDone;
  }
  // Waits while full. False when closed; the value is then untouched.
  bool push(T&& value) noexcept { return push_until(value, kNever); }
  // Waits while full, for `timeout` at most. False when still full, or closed (closed() tells);
  // the value is then untouched.
  bool push_for(T&& value, std::chrono::nanoseconds timeout) noexcept {
    const Claim claim = self().push_once(value);
    if (claim != Claim::kFull) return claim == Claim::kDone;
    return push_until(value, deadline_after(timeout));
  }

  // The oldest element, or nullopt when there is none now.
  std::optional<T> try_pop() noexcept {
    std::optional<T> out;
    self().pop_once([&](T&& value) noexcept { out.emplace(std::move(value)); });
    return out;
  }
  // Waits for one. nullopt: closed, and nothing is left.
  std::optional<T> pop() noexcept { return pop_until(kNever); }
  // Waits for `timeout` at most. nullopt: none came, or closed and nothing is left.
  std::optional<T> pop_for(std::chrono::nanoseconds timeout) noexcept {
    std::optional<T> out = try_pop();
    if (!out) out = pop_until(deadline_after(timeout));
    return out;
  }

  // The same for up to out.size() elements at once, oldest first, assigned to the front of `out`:
  // one update of the shared state for all of them. They answer how many; the waiting ones wait for
  // the first element only.
  size_t try_pop(std::span<T> out) noexcept requires std::is_nothrow_move_assignable_v<T> {
    return self().pop_once(out);
  }
  size_t pop(std::span<T> out) noexcept requires std::is_nothrow_move_assignable_v<T> {
    return pop_until(out, kNever);
  }
  size_t pop_for(std::span<T> out, std::chrono::nanoseconds timeout) noexcept requires
      std::is_nothrow_move_assignable_v<T> {
    const size_t count = self().pop_once(out);
    return count > 0 ? count : pop_until(out, deadline_after(timeout));
  }

  // From now on every push fails; wakes all who wait. Idempotent.
  void close() noexcept {
    // Release, for who sees closed() sees what the closer did before.
    self().tail_.fetch_or(kClosedBit, std::memory_order_acq_rel);
    self().not_empty_.notify(SIZE_MAX);
    self().not_full_.notify(SIZE_MAX);
  }
  bool closed() const noexcept {
    return (self().tail_.load(std::memory_order_acquire) & kClosedBit) != 0;
  }
  size_t capacity() const noexcept { return self().ring_.capacity(); }
  // Elements claimed by producers and not by consumers; a moment's value, 0 to capacity.
  size_t size() const noexcept {
    // The head first: it never passes the tail.
    const uint64_t head = self().head_.load(std::memory_order_acquire);
    const uint64_t tail = ticket_of(self().tail_.load(std::memory_order_acquire));
    return size_t(std::min<uint64_t>(tail - head, capacity()));
  }
  QueueStats stats() const noexcept {
    // Popped first, so that it never exceeds pushed.
    const uint64_t popped = self().head_.load(std::memory_order_acquire);
    const uint64_t pushed = ticket_of(self().tail_.load(std::memory_order_relaxed));
    return {pushed, popped, full_rejections()};
  }

  // Closes and takes everything that is left, waiting for pushes that claimed before: a consumer's
  // call. std::bad_alloc leaves the queue closed, with all its elements.
  std::vector<T> drain() {
    self().close();  // SpscRing has one of its own
    std::vector<T> left;
    left.reserve(self().size());
    while (std::optional<T> value = pop()) left.push_back(*std::move(value));
    return left;
  }

 protected:
  // Relaxed: a statistic that orders nothing.
  uint64_t full_rejections() const noexcept {
    return full_rejections_.count.load(std::memory_order_relaxed);
  }

 private:
  Queue& self() noexcept { return static_cast<Queue&>(*this); }
  const Queue& self() const noexcept { return static_cast<const Queue&>(*this); }

  void count_rejection() noexcept {
    full_rejections_.count.fetch_add(1, std::memory_order_relaxed);
  }

  bool push_until(T& value, Deadline deadline) noexcept {
    Claim claim = self().push_once(value);
    if (claim != Claim::kFull) return claim == Claim::kDone;
    const bool decided = await(self().not_full_, deadline, kFirstBatchPause, [&]() noexcept {
      claim = self().push_once(value);
      return claim != Claim::kFull;
    });
    if (!decided) count_rejection();
    if (claim == Claim::kDone) self().pass_on_room();
    return claim == Claim::kDone;
  }

  std::optional<T> pop_until(Deadline deadline) noexcept {
    std::optional<T> out = try_pop();
    if (out) return out;
    await(self().not_empty_, deadline, kFirstPause, [&]() noexcept {
      out = try_pop();
      return out.has_value() || self().finished();
    });
    if (out) self().pass_on_element();
    return out;
  }

  size_t pop_until(std::span<T> out, Deadline deadline) noexcept {
    if (out.empty()) return 0;
    size_t count = self().pop_once(out);
    if (count > 0) return count;
    await(self().not_empty_, deadline, kFirstBatchPause, [&]() noexcept {
      count = self().pop_once(out);
      return count > 0 || self().finished();
    });
    if (count > 0) self().pass_on_element();
    return count;
  }

  // A struct of its own fills its line: the room behind a base's last member is the derived
  // class's.
  struct alignas(kCacheLineBytes) OwnLine {
    std::atomic<uint64_t> count{0};
  };
  OwnLine full_rejections_;  // by producers that failed
};

}  // namespace detail

// Many producers, one consumer. Every pop, drain() included, belongs to the consumer thread (hand
// the role over only with a happens-before edge between the two threads); all else is for any
// thread.
//
// Invariants
//   (1) head_ <= ticket_of(tail_) <= head_ + capacity; both only grow, and tail_ not after closing
//   (2) slot t holds the element of ticket t exactly while slot.turn == t + 1 and head_ <= t
//   (3) head_seen_ is some earlier value of head_: room that it shows is there
//   (4) only the thread whose compare-exchange moved tail_ from t writes slot t, and only after
//       head_ > t - capacity; only the consumer reads it, and only after turn == t + 1
template <QueueElement T, QueueProbe<T> Probe = NoProbe>
class MpscQueue : public detail::QueueInterface<MpscQueue<T, Probe>, T> {
 public:
  // Room for `capacity` elements at least (rounded up to a power of two), 1 to kQueueCapacityMax.
  explicit MpscQueue(size_t capacity, Probe probe = {})
      : ring_(detail::queue_capacity(capacity)), probe_(std::move(probe)) {}
  ~MpscQueue() {
    while (pop_once([](T&&) noexcept {})) continue;
  }
  MpscQueue(const MpscQueue&) = delete;
  MpscQueue& operator=(const MpscQueue&) = delete;

  Probe& probe() noexcept { return probe_; }

 private:
  friend class detail::QueueInterface<MpscQueue, T>;
  using Slot = detail::QueueSlot<T, typename Probe::Stamp>;

  detail::Claim push_once(T& value) noexcept {
    uint64_t word = tail_.load(std::memory_order_relaxed);
    do {
      if (word & detail::kClosedBit) return detail::Claim::kClosed;
      if (!has_room(detail::ticket_of(word))) return detail::Claim::kFull;
      // Relaxed: the slot's former use was acquired in has_room, its new use is released by `turn`.
    } while (!tail_.compare_exchange_weak(word, word + detail::kTicketStep,
                                          std::memory_order_relaxed, std::memory_order_relaxed));
    const uint64_t ticket = detail::ticket_of(word);
    Slot& slot = ring_[ticket];
    slot.stamp = probe_.pushed(std::as_const(value));
    std::construct_at(reinterpret_cast<T*>(slot.storage), std::move(value));
    slot.turn.store(ticket + 1, std::memory_order_release);  // publishes element and stamp
    not_empty_.notify(1);
    return detail::Claim::kDone;
  }

  // Signed differences: a stale ticket may lie behind head_, and its compare-exchange will fail.
  bool has_room(uint64_t ticket) noexcept {
    const auto room = [&](uint64_t head) {
      return int64_t(ticket - head) < int64_t(ring_.capacity());
    };
    // Acquire, here and below: the consumer's last touch of the slot comes before ours, also when
    // another producer has seen head_ for us (it released what it acquired).
    if (room(head_seen_.load(std::memory_order_acquire))) [[likely]]
      return true;
    const uint64_t head = head_.load(std::memory_order_acquire);
    head_seen_.store(head, std::memory_order_release);
    return room(head);
  }

  template <class Sink>
  bool pop_once(Sink&& sink) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);  // ours
    if (!ready(head)) return false;
    take(head, sink);
    free_slots(head, 1);
    return true;
  }

  size_t pop_once(std::span<T> out) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    size_t count = 0;
    for (; count < out.size() && ready(head + count); ++count)
      take(head + count, [&](T&& value) noexcept { out[count] = std::move(value); });
    if (count > 0) free_slots(head, count);
    return count;
  }

  // Acquire: with the publishing release, the element is there.
  bool ready(uint64_t ticket) const noexcept {
    return ring_[ticket].turn.load(std::memory_order_acquire) == ticket + 1;
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
    not_full_.notify(count);
  }

  bool finished() const noexcept {
    const uint64_t word = tail_.load(std::memory_order_acquire);
    return (word & detail::kClosedBit) != 0 &&
           detail::ticket_of(word) == head_.load(std::memory_order_relaxed);
  }

  void pass_on_room() noexcept {}     // slots come free in order: every freed one has called once
  void pass_on_element() noexcept {}  // there is one consumer

  // Read only.
  detail::SlotRing<Slot> ring_;
  [[no_unique_address]] Probe probe_;
  // The producers' line.
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> tail_{0};
  std::atomic<uint64_t> head_seen_{0};
  // The consumer's line.
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> head_{0};
  // Each on its own line: read at every push and every pop, written when somebody parks.
  detail::EventCount not_empty_;
  detail::EventCount not_full_;
};
static_assert(
    sizeof(MpscQueue<uint64_t>) == 6 * detail::kCacheLineBytes,
    "rejections, constants, producers', consumer's, one line per event count: none shares");

// Many producers, many consumers.
//
// Invariants
//   (1) head_ <= ticket_of(tail_); both only grow, and tail_ not after closing
//   (2) lap(t) = t / capacity; slot.turn == 2 lap(t): free for ticket t; 2 lap(t) + 1: its
//       element is there
//   (3) only the thread whose compare-exchange moved tail_ from t makes 2 lap(t) into 2 lap(t) + 1,
//       only the one that moved head_ from t makes that into 2 lap(t) + 2
//   (4) a waiting consumer that got an element wakes the next when another is ready, and likewise a
//       producer: a call may have gone to a waiter that found the slot in order not ready yet
template <QueueElement T, QueueProbe<T> Probe = NoProbe>
class MpmcQueue : public detail::QueueInterface<MpmcQueue<T, Probe>, T> {
 public:
  // Room for `capacity` elements at least (rounded up to a power of two), 1 to kQueueCapacityMax.
  explicit MpmcQueue(size_t capacity, Probe probe = {})
      : ring_(detail::queue_capacity(capacity)),
        lap_shift_(std::countr_zero(ring_.capacity())),
        probe_(std::move(probe)) {}
  ~MpmcQueue() {
    while (pop_once([](T&&) noexcept {})) continue;
  }
  MpmcQueue(const MpmcQueue&) = delete;
  MpmcQueue& operator=(const MpmcQueue&) = delete;

  Probe& probe() noexcept { return probe_; }

 private:
  friend class detail::QueueInterface<MpmcQueue, T>;
  using Slot = detail::QueueSlot<T, typename Probe::Stamp>;

  uint64_t free_turn(uint64_t ticket) const noexcept { return (ticket >> lap_shift_) * 2; }
  uint64_t ready_turn(uint64_t ticket) const noexcept { return free_turn(ticket) + 1; }
  // Acquire: whatever the slot's last user did to it comes before what we do.
  uint64_t turn(uint64_t ticket) const noexcept {
    return ring_[ticket].turn.load(std::memory_order_acquire);
  }

  detail::Claim push_once(T& value) noexcept {
    uint64_t word = tail_.load(std::memory_order_relaxed);
    for (;;) {
      if (word & detail::kClosedBit) return detail::Claim::kClosed;
      const uint64_t ticket = detail::ticket_of(word);
      if (turn(ticket) == free_turn(ticket)) {
        // Relaxed: `turn` carries the ordering, the word only decides who.
        if (tail_.compare_exchange_weak(word, word + detail::kTicketStep, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
          put(ticket, value);
          return detail::Claim::kDone;
        }
      } else {
        // Not free: full, unless the word was stale.
        const uint64_t before = std::exchange(word, tail_.load(std::memory_order_relaxed));
        if (word == before) return detail::Claim::kFull;
      }
    }
  }

  void put(uint64_t ticket, T& value) noexcept {
    Slot& slot = ring_[ticket];
    slot.stamp = probe_.pushed(std::as_const(value));
    std::construct_at(reinterpret_cast<T*>(slot.storage), std::move(value));
    slot.turn.store(ready_turn(ticket), std::memory_order_release);  // publishes
    // After closing, several consumers may wait for the last pushes in progress, and those that get
    // nothing must learn that it is over.
    if (not_empty_.waited_on()) [[unlikely]]
      not_empty_.wake(this->closed() ? SIZE_MAX : 1);
  }

  template <class Sink>
  bool pop_once(Sink&& sink) noexcept {
    const Claimed claimed = claim(1);
    if (claimed.count == 0) return false;
    take(claimed.head, sink);
    not_full_.notify(1);
    return true;
  }

  size_t pop_once(std::span<T> out) noexcept {
    const Claimed claimed = claim(out.size());
    for (size_t i = 0; i < claimed.count; ++i)
      take(claimed.head + i, [&](T&& value) noexcept { out[i] = std::move(value); });
    if (claimed.count > 0) not_full_.notify(claimed.count);
    return claimed.count;
  }

  struct Claimed {
    uint64_t head = 0;
    size_t count = 0;
  };

  // Claims up to `limit` ready elements for this thread.
  Claimed claim(size_t limit) noexcept {
    uint64_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      size_t count = 0;
      while (count < limit && turn(head + count) == ready_turn(head + count)) ++count;
      if (count == 0) {
        const uint64_t before = std::exchange(head, head_.load(std::memory_order_relaxed));
        if (head == before) return {};
      } else if (head_.compare_exchange_weak(head, head + count, std::memory_order_relaxed,
                                             std::memory_order_relaxed)) {
        // Relaxed: as in push_once. What was ready at `head` stays so while head_ does not move.
        return {head, count};
      }
    }
  }

  template <class Sink>
  void take(uint64_t ticket, Sink&& sink) noexcept {
    Slot& slot = ring_[ticket];
    T* const value = slot.value();
    probe_.popped(std::as_const(*value), std::as_const(slot.stamp));
    sink(std::move(*value));
    std::destroy_at(value);
    slot.turn.store(ready_turn(ticket) + 1, std::memory_order_release);  // free for the next lap
  }

  bool finished() const noexcept {
    const uint64_t word = tail_.load(std::memory_order_acquire);
    return (word & detail::kClosedBit) != 0 &&
           detail::ticket_of(word) == head_.load(std::memory_order_relaxed);
  }

  void pass_on_element() noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (turn(head) == ready_turn(head)) not_empty_.notify(1);
  }
  void pass_on_room() noexcept {
    const uint64_t ticket = detail::ticket_of(tail_.load(std::memory_order_relaxed));
    if (turn(ticket) == free_turn(ticket)) not_full_.notify(1);
  }

  // Read only.
  detail::SlotRing<Slot> ring_;
  const int lap_shift_;
  [[no_unique_address]] Probe probe_;
  // The producers' line, the consumers' line, and the two that change when somebody parks.
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> tail_{0};
  alignas(detail::kCacheLineBytes) std::atomic<uint64_t> head_{0};
  detail::EventCount not_empty_;
  detail::EventCount not_full_;
};
static_assert(
    sizeof(MpmcQueue<uint64_t>) == 6 * detail::kCacheLineBytes,
    "rejections, constants, producers', consumers', one line per event count: none shares");

}  // namespace llmos
