// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "base/rng.h"
#include "linearizability.h"
#include "queues.h"
#include "support/test_seed.h"
#include "sync/worker_pool.h"

namespace llmos {
namespace {

using test::History;
using test::Operation;

// "Before" among threads means happens-before (llmos/queue.h, "Order"), so the clock is a counter
// that makes it so: a push has answered when its answer's tick is known to the one who calls next.
// By a wall clock a push ends while its last store may still be on its way.
class Clock {
 public:
  int64_t now() { return ticks_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<int64_t> ticks_{0};
};

Operation push(uint64_t value, int64_t called, int64_t answered, bool done = true) {
  return {Operation::kPush, done, value, called, answered};
}
Operation pop(uint64_t value, int64_t called, int64_t answered) {
  return {Operation::kPop, true, value, called, answered};
}
Operation empty(int64_t called, int64_t answered) {
  return {Operation::kPop, false, 0, called, answered};
}

bool linearizable(const History& history, size_t capacity = 4) {
  return test::QueueSearch(history, capacity).linearizable();
}

TEST(QueueSearch, AcceptsWhatAQueueMayDo) {
  EXPECT_TRUE(linearizable({}));
  EXPECT_TRUE(
      linearizable({push(1, 0, 1), push(2, 2, 3), pop(1, 4, 5), pop(2, 6, 7), empty(8, 9)}));
  // Overlapping pushes may take either order.
  EXPECT_TRUE(linearizable({push(1, 0, 5), push(2, 0, 5), pop(2, 6, 7), pop(1, 8, 9)}));
  // A pop may take an element whose push has not answered yet.
  EXPECT_TRUE(linearizable({push(1, 0, 9), pop(1, 1, 2)}));
  EXPECT_TRUE(linearizable({push(1, 0, 1), push(2, 2, 3, false), pop(1, 4, 5)}, 1));
}

TEST(QueueSearch, RejectsWhatAQueueMayNot) {
  // Last in, first out.
  EXPECT_FALSE(linearizable({push(1, 0, 1), push(2, 2, 3), pop(2, 4, 5), pop(1, 6, 7)}));
  EXPECT_FALSE(linearizable({push(1, 0, 1), pop(1, 2, 3), pop(1, 4, 5)})) << "doubled";
  EXPECT_FALSE(linearizable({push(1, 0, 1), empty(2, 3)})) << "lost";
  EXPECT_FALSE(linearizable({pop(1, 0, 1), push(1, 2, 3)})) << "out of the future";
  EXPECT_FALSE(linearizable({push(1, 0, 1, false)}, 1)) << "full though empty";
  EXPECT_FALSE(linearizable({push(1, 0, 1), push(2, 2, 3)}, 1)) << "beyond its capacity";
}

TEST(QueueSearch, WeakRefusalsAreOnlyThoseInCompany) {
  const History alone{push(1, 0, 1), empty(2, 3)};
  EXPECT_EQ(test::without_weak_refusals(alone, false, false).size(), 2u);
  const History company{push(1, 0, 1), push(2, 2, 5), empty(3, 4)};
  EXPECT_EQ(test::without_weak_refusals(company, false, false).size(), 2u);
  EXPECT_EQ(test::without_weak_refusals(company, false, true).size(), 3u);
}

// Runs `rounds` windows of random operations on all members of a team (ranks below `producers`
// push, the others pop) and counts the histories that no queue could have produced.
template <class MakeQueue>
int violations(MakeQueue&& make, int producers, int consumers, bool exact_full, bool exact_empty,
               int rounds, uint64_t seed, bool print = true) {
  constexpr int kEach = 5;
  constexpr size_t kCapacity = 4;
  auto pool = WorkerPool::create({.members = producers + consumers}).value();
  std::vector<History> histories(size_t(pool->size()));
  int found = 0;
  Clock clock;
  for (int round = 0; round < rounds; ++round) {
    auto queue = make(kCapacity);
    pool->run([&](int rank, int) {
      Rng rng(seed + uint64_t(round), uint64_t(rank));
      History& mine = histories[size_t(rank)];
      mine.clear();
      pool->barrier(rank);
      for (uint64_t i = 0; i < kEach; ++i) {
        for (uint64_t pause = rng.below(20); pause > 0; --pause) detail::cpu_relax();
        if (rng.below(4) == 0) std::this_thread::yield();  // more members than CPUs: mix them
        Operation operation;
        operation.called = clock.now();
        if (rank < producers) {
          operation.kind = Operation::kPush;
          operation.value = uint64_t(rank) * 100 + i;
          operation.done = queue->try_push(uint64_t(operation.value));
        } else {
          const auto value = queue->try_pop();
          operation.kind = Operation::kPop;
          operation.done = value.has_value();
          operation.value = value.value_or(0);
        }
        operation.answered = clock.now();
        mine.push_back(operation);
      }
    });
    History all;
    for (const History& history : histories) all.insert(all.end(), history.begin(), history.end());
    // Whatever is left, read after everything else: so that losses show.
    int64_t after = clock.now();
    for (; const auto value = queue->try_pop(); after += 2)
      all.push_back(pop(*value, after, after + 1));
    all.push_back(empty(after, after + 1));
    const History exact = test::without_weak_refusals(all, exact_full, exact_empty);
    if (linearizable(exact, kCapacity)) continue;
    if (++found == 1) {
      std::string text;
      for (const Operation& operation : exact) text += operation.text();
      if (print) std::cout << "no queue did this:\n" << text;
    }
  }
  return found;
}

template <class Kind>
class QueueLinear : public ::testing::Test {};
TYPED_TEST_SUITE(QueueLinear, test::AllQueues, test::QueueName);

TYPED_TEST(QueueLinear, HistoriesAreThoseOfAQueue) {
  const uint64_t seed = test::seed("linearisability");
  using Queue = typename TypeParam::template Queue<uint64_t>;
  const auto make = [](size_t capacity) { return std::make_unique<Queue>(capacity); };
  // Two members run truly in parallel on two CPUs; more show what a stop in the middle does.
  EXPECT_EQ(violations(make, 1, 1, TypeParam::kExactFull, TypeParam::kExactEmpty, 20'000, seed), 0);
  EXPECT_EQ(violations(make, TypeParam::kProducers, TypeParam::kConsumers, TypeParam::kExactFull,
                       TypeParam::kExactEmpty, 2'000, seed),
            0);
}

// Looks like a queue and keeps every producer's order, but its lanes are not ordered among each
// other.
class LanedQueue {
 public:
  explicit LanedQueue(size_t capacity) : capacity_(capacity) {}
  bool try_push(uint64_t&& value) {
    const std::lock_guard lock(mutex_);
    if (lanes_[0].size() + lanes_[1].size() == capacity_) return false;
    lanes_[value / 100 % 2].push_back(value);
    return true;
  }
  std::optional<uint64_t> try_pop() {
    const std::lock_guard lock(mutex_);
    for (auto* lane : {&lanes_[next_ % 2], &lanes_[(next_ + 1) % 2]}) {
      if (lane->empty()) continue;
      ++next_;
      const uint64_t value = lane->front();
      lane->pop_front();
      return value;
    }
    return std::nullopt;
  }

 private:
  std::mutex mutex_;
  const size_t capacity_;
  std::deque<uint64_t> lanes_[2];
  size_t next_ = 0;
};

// Reads the front, lets others in, then removes it: now and then an element is delivered twice.
class HastyQueue {
 public:
  explicit HastyQueue(size_t capacity) : capacity_(capacity) {}
  bool try_push(uint64_t&& value) {
    const std::lock_guard lock(mutex_);
    if (content_.size() == capacity_) return false;
    content_.push_back(value);
    return true;
  }
  std::optional<uint64_t> try_pop() {
    std::optional<uint64_t> value;
    {
      const std::lock_guard lock(mutex_);
      if (!content_.empty()) value = content_.front();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    const std::lock_guard lock(mutex_);
    if (value && !content_.empty()) content_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  const size_t capacity_;
  std::deque<uint64_t> content_;
};

TEST(QueueLinear, BrokenQueuesAreFound) {
  const uint64_t seed = test::seed("linearisability of broken queues");
  const auto laned = [](size_t capacity) { return std::make_unique<LanedQueue>(capacity); };
  const auto hasty = [](size_t capacity) { return std::make_unique<HastyQueue>(capacity); };
  EXPECT_GT(violations(laned, 2, 1, false, false, 3'000, seed, false), 0);
  EXPECT_GT(violations(hasty, 1, 2, false, false, 300, seed, false), 0);
}

}  // namespace
}  // namespace llmos
