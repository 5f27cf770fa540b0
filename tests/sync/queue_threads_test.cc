// SPDX-License-Identifier: Apache-2.0
// The queues under threads: nothing lost, nothing doubled, each producer's order kept, no wake-up
// missed, and closing at any moment.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "queues.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using namespace std::chrono_literals;

// A wait that can only end by a wake-up: long enough that reaching it means the wake-up was lost.
constexpr auto kLost = 20s;

struct Message {
  uint32_t producer = 0;
  uint32_t number = 0;
};

template <class Kind>
class QueueThreads : public ::testing::Test {};
TYPED_TEST_SUITE(QueueThreads, test::AllQueues, test::QueueName);

// What all consumers of a run received: each consumer sees each producer's numbers rise, and all
// together see every number below `sent[producer]` exactly once.
class Receipts {
 public:
  explicit Receipts(int producers) : seen_(size_t(producers)) {}

  class Consumer {
   public:
    explicit Consumer(size_t producers) : numbers_(producers) {}
    void take(const Message& message) {
      auto& numbers = numbers_[message.producer];
      if (!numbers.empty() && numbers.back() >= message.number) in_order_ = false;
      numbers.push_back(message.number);
    }

   private:
    friend class Receipts;
    std::vector<std::vector<uint32_t>> numbers_;
    bool in_order_ = true;
  };

  Consumer consumer() const { return Consumer(seen_.size()); }

  void add(const Consumer& consumer) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(consumer.in_order_) << "a producer's own order was broken";
    for (size_t p = 0; p < seen_.size(); ++p)
      for (const uint32_t number : consumer.numbers_[p]) ++seen_[p][number];
  }

  void expect_exactly(const std::vector<uint32_t>& sent) const {
    for (size_t p = 0; p < seen_.size(); ++p) {
      EXPECT_EQ(seen_[p].size(), sent[p]) << "lost or invented: producer " << p;
      for (const auto& [number, times] : seen_[p]) {
        EXPECT_LT(number, sent[p]) << "never sent";
        EXPECT_EQ(times, 1) << "doubled: " << number << " of producer " << p;
      }
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::map<uint32_t, int>> seen_;
};

// Each consumer mixes all ways of popping; they end when the queue is closed and empty.
template <class Queue>
void consume(Queue& queue, Receipts& receipts, uint64_t seed, int rank) {
  Rng rng(seed, uint64_t(100 + rank));
  Receipts::Consumer mine = receipts.consumer();
  std::array<Message, 5> batch;
  for (;;) {
    const uint64_t way = rng.below(4);
    if (way == 0) {
      const size_t count = queue.pop(std::span(batch));
      for (size_t i = 0; i < count; ++i) mine.take(batch[i]);
      if (count == 0) break;
    } else {
      const auto message = way == 1   ? queue.pop()
                           : way == 2 ? queue.pop_for(50us)
                                      : queue.try_pop();
      if (message) mine.take(*message);
    }
  }
  EXPECT_EQ(queue.try_pop(), std::nullopt);
  receipts.add(mine);
}

// Sends until `limit` messages went or the queue closed; answers how many went.
template <class Queue>
uint32_t produce(Queue& queue, uint64_t seed, uint32_t rank, uint32_t limit) {
  Rng rng(seed, rank);
  uint32_t sent = 0;
  while (sent < limit && !queue.closed()) {
    Message message{rank, sent};
    const uint64_t way = rng.below(3);
    const bool done = way == 0   ? queue.push(std::move(message))
                      : way == 1 ? queue.push_for(std::move(message), 50us)
                                 : queue.try_push(std::move(message));
    if (done) ++sent;
  }
  return sent;
}

TYPED_TEST(QueueThreads, NothingLostDoubledOrReordered) {
  const uint64_t seed = test::seed("queue threads");
  constexpr uint32_t kEach = 30'000;
  for (const size_t capacity : {1, 4, 256}) {
    typename TypeParam::template Queue<Message> queue(capacity);
    Receipts receipts(TypeParam::kProducers);
    std::vector<uint32_t> sent(TypeParam::kProducers);
    {
      std::vector<std::jthread> consumers;
      for (int c = 0; c < TypeParam::kConsumers; ++c)
        consumers.emplace_back([&, c] { consume(queue, receipts, seed + capacity, c); });
      {
        std::vector<std::jthread> producers;
        for (uint32_t p = 0; p < uint32_t(TypeParam::kProducers); ++p)
          producers.emplace_back([&, p] { sent[p] = produce(queue, seed + capacity, p, kEach); });
      }
      queue.close();
    }
    EXPECT_EQ(sent, std::vector<uint32_t>(TypeParam::kProducers, kEach));
    receipts.expect_exactly(sent);
    EXPECT_EQ(queue.stats().pushed, queue.stats().popped);
  }
}

// Closed in the middle, from another thread: whoever was told "pushed" is delivered.
TYPED_TEST(QueueThreads, CloseAtAnyMomentLosesNothing) {
  const uint64_t seed = test::seed("queue close race");
  Rng rng(seed);
  for (int round = 0; round < 400; ++round) {
    typename TypeParam::template Queue<Message> queue(size_t{1} << rng.below(5));
    Receipts receipts(TypeParam::kProducers);
    std::vector<uint32_t> sent(TypeParam::kProducers);
    const auto delay = std::chrono::microseconds(rng.below(200));
    std::vector<std::jthread> threads;
    for (int c = 0; c < TypeParam::kConsumers; ++c)
      threads.emplace_back([&, c] { consume(queue, receipts, seed + uint64_t(round), c); });
    for (uint32_t p = 0; p < uint32_t(TypeParam::kProducers); ++p)
      threads.emplace_back([&, p] { sent[p] = produce(queue, seed, p, UINT32_MAX); });
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - start < delay) std::this_thread::yield();
    queue.close();
    threads.clear();
    receipts.expect_exactly(sent);
    ASSERT_FALSE(this->HasFailure()) << "round " << round;
  }
}

// The consumer closes and drains while producers push: what drain() returns and what was popped is
// all.
TYPED_TEST(QueueThreads, DrainReturnsAllThatWasPushed) {
  const uint64_t seed = test::seed("queue drain race");
  Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    typename TypeParam::template Queue<Message> queue(8);
    Receipts receipts(TypeParam::kProducers);
    std::vector<uint32_t> sent(TypeParam::kProducers);
    {
      std::vector<std::jthread> producers;
      for (uint32_t p = 0; p < uint32_t(TypeParam::kProducers); ++p)
        producers.emplace_back([&, p] { sent[p] = produce(queue, seed, p, UINT32_MAX); });
      Receipts::Consumer mine = receipts.consumer();
      for (uint64_t i = rng.below(200); i > 0; --i)
        if (const auto message = queue.pop_for(1ms)) mine.take(*message);
      for (const Message& message : queue.drain()) mine.take(message);
      receipts.add(mine);
    }
    receipts.expect_exactly(sent);
    ASSERT_FALSE(this->HasFailure()) << "round " << round;
  }
}

// Ping-pong through two queues of one slot: each hand-over ends a wait, and jitter moves the push
// over every point of the other side's way to sleep.
TYPED_TEST(QueueThreads, NoWakeUpIsLost) {
  const uint64_t seed = test::seed("queue wake-ups");
  constexpr int kTrips = 20'000;
  typename TypeParam::template Queue<int> there(1), back(1);
  const auto jitter = [](Rng& rng) {
    for (uint64_t i = rng.below(8) == 0 ? rng.below(400) : 0; i > 0; --i) detail::cpu_relax();
  };
  std::jthread echo([&] {
    Rng rng(seed, 1);
    for (int i = 0; i < kTrips; ++i) {
      const auto ball = there.pop_for(kLost);
      if (!ball) return back.close();
      jitter(rng);
      if (!back.push_for(int(*ball), kLost)) return;
    }
  });
  Rng rng(seed, 2);
  for (int i = 0; i < kTrips; ++i) {
    jitter(rng);
    ASSERT_TRUE(there.push_for(int(i), kLost));
    ASSERT_EQ(back.pop_for(kLost), i) << "a wake-up was lost on trip " << i;
  }
}

// More waiting consumers than elements, each wanting one: every one is served.
TEST(QueueThreadsMpmc, EveryWaitingConsumerIsServed) {
  for (int round = 0; round < 300; ++round) {
    constexpr int kConsumers = 4;
    MpmcQueue<int> queue(8);
    std::atomic<int> served{0};
    {
      std::vector<std::jthread> threads;
      for (int c = 0; c < kConsumers; ++c)
        threads.emplace_back([&] { served += queue.pop_for(kLost).has_value(); });
      for (int p = 0; p < 2; ++p)
        threads.emplace_back([&] {
          for (int i = 0; i < kConsumers / 2; ++i) queue.push(int(i));
        });
    }
    ASSERT_EQ(served, kConsumers) << "round " << round;
    ASSERT_EQ(queue.size(), 0u);
  }
}

// And more blocked producers than room.
TEST(QueueThreadsMpmc, EveryBlockedProducerIsServed) {
  for (int round = 0; round < 300; ++round) {
    constexpr int kProducers = 4;
    MpmcQueue<int> queue(2);
    queue.push(0);
    queue.push(0);
    std::atomic<int> served{0};
    {
      std::vector<std::jthread> threads;
      for (int p = 0; p < kProducers; ++p)
        threads.emplace_back([&] { served += queue.push_for(1, kLost); });
      for (int c = 0; c < 2; ++c)
        threads.emplace_back([&] {
          for (int i = 0; i < kProducers / 2; ++i) EXPECT_TRUE(queue.pop_for(kLost).has_value());
        });
    }
    ASSERT_EQ(served, kProducers) << "round " << round;
  }
}

// The event count alone, without the spinning that hides its races.
TEST(EventCount, NotifyBetweenLookAndSleepIsNotLost) {
  constexpr uint32_t kSteps = 20'000;
  detail::EventCount forth, back;
  std::atomic<uint32_t> step{0}, seen{0};
  const auto wait_for = [](detail::EventCount& event, const std::atomic<uint32_t>& word,
                           uint32_t value) {
    while (word.load(std::memory_order_acquire) < value) {
      event.prepare();
      if (word.load(std::memory_order_acquire) >= value) return event.cancel(), true;
      if (!event.wait(detail::deadline_after(kLost))) return false;
    }
    return true;
  };
  std::jthread other([&] {
    for (uint32_t i = 1; i <= kSteps; ++i) {
      if (!wait_for(forth, step, i)) return;
      seen.store(i, std::memory_order_release);
      back.notify(1);
    }
  });
  for (uint32_t i = 1; i <= kSteps; ++i) {
    step.store(i, std::memory_order_release);
    forth.notify(1);
    ASSERT_TRUE(wait_for(back, seen, i)) << "lost at step " << i;
  }
}

// Timed waits that end together with the call for them: the account of waiters and tokens must stay
// even, or some later wait ends early for ever or never at all.
TEST(EventCount, TimeoutsRacingWithCallsKeepTheAccount) {
  const uint64_t seed = test::seed("event count timeouts");
  detail::EventCount event;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> calls{0};
  {
    std::vector<std::jthread> waiters;
    for (uint64_t rank = 0; rank < 3; ++rank)
      waiters.emplace_back([&, rank] {
        Rng rng(seed, rank);
        for (int i = 0; i < 3'000; ++i) {
          event.prepare();
          if (rng.below(4) == 0) {
            event.cancel();
          } else {
            (void)event.wait(detail::deadline_after(std::chrono::microseconds(rng.below(30))));
          }
        }
      });
    std::jthread notifier([&] {
      Rng rng(seed, 9);
      while (!stop) {
        event.notify(rng.below(3));
        ++calls;
      }
    });
    waiters.clear();
    stop = true;
  }
  EXPECT_FALSE(event.waited_on()) << "a registration was left behind";
  event.prepare();
  EXPECT_FALSE(event.wait(detail::deadline_after(2ms))) << "a token was left behind";
}

}  // namespace
}  // namespace llmos
