// SPDX-License-Identifier: Apache-2.0
// A million random operations on each queue, against a std::deque.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <memory>

#include "base/rng.h"
#include "queues.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using namespace std::chrono_literals;
using Value = std::unique_ptr<uint64_t>;  // move-only, and a leak or double free is ASan's to find

constexpr int kOperations = 1'000'000;

template <class Queue>
class Model {
 public:
  Model(uint64_t seed, size_t capacity) : rng_(seed, capacity), queue_(capacity) {}

  void step() {
    switch (rng_.below(100)) {
      default:
        rng_.below(100) < push_percent_ ? push() : pop();
        break;
      case 0:
        push_percent_ = 20 + rng_.below(60);
        break;  // tides: full and empty both happen
      case 1:
      case 2:
      case 3:
        pop_batch();
        break;
    }
    ASSERT_EQ(queue_.size(), expected_.size());
  }

  void finish() {
    const std::vector<Value> left = queue_.drain();
    ASSERT_EQ(left.size(), expected_.size());
    for (size_t i = 0; i < left.size(); ++i) ASSERT_EQ(*left[i], expected_[i]);
    const QueueStats stats = queue_.stats();
    EXPECT_EQ(stats.pushed, pushed_);
    EXPECT_EQ(stats.popped, pushed_);
    EXPECT_EQ(stats.full_rejections, refused_);
  }

  uint64_t refused() const { return refused_; }
  uint64_t empty() const { return empty_; }

 private:
  void push() {
    auto value = std::make_unique<uint64_t>(next_++);
    const uint64_t number = *value;
    const bool room = expected_.size() < queue_.capacity();
    // The waiting calls must behave alike where they need not wait.
    const bool done = room && rng_.below(2) == 0 ? queue_.push(std::move(value))
                                                 : queue_.try_push(std::move(value));
    ASSERT_EQ(done, room);
    ASSERT_EQ(value == nullptr, room);
    if (done) {
      ++pushed_;
      expected_.push_back(number);
    } else {
      ++refused_;
    }
  }

  void pop() {
    const auto value = !expected_.empty() && rng_.below(2) == 0 ? queue_.pop() : queue_.try_pop();
    ASSERT_EQ(value.has_value(), !expected_.empty());
    if (!value) return void(++empty_);
    check(**value);
  }

  void pop_batch() {
    const size_t wanted = size_t(rng_.below(out_.size() + 1));
    const size_t count = queue_.try_pop(std::span(out_).first(wanted));
    ASSERT_EQ(count, std::min(wanted, expected_.size()));
    for (size_t i = 0; i < count; ++i) check(*out_[i]);
  }

  void check(uint64_t value) {
    ASSERT_EQ(value, expected_.front());
    expected_.pop_front();
  }

  Rng rng_;
  Queue queue_;
  std::deque<uint64_t> expected_;
  std::array<Value, 7> out_;
  uint64_t push_percent_ = 50;
  uint64_t next_ = 0, pushed_ = 0, refused_ = 0, empty_ = 0;
};

template <class Kind>
class QueueModel : public ::testing::Test {};
TYPED_TEST_SUITE(QueueModel, test::AllQueues, test::QueueName);

TYPED_TEST(QueueModel, MillionOperations) {
  const uint64_t seed = test::seed("queue model");
  constexpr std::array<size_t, 4> kCapacities{1, 2, 16, 128};
  for (const size_t capacity : kCapacities) {
    Model<typename TypeParam::template Queue<Value>> model(seed, capacity);
    for (int i = 0; i < kOperations / int(kCapacities.size()); ++i) {
      model.step();
      if (this->HasFatalFailure()) FAIL() << "at operation " << i << ", capacity " << capacity;
    }
    EXPECT_GT(model.refused(), 0u) << "never full: the test does not test";
    EXPECT_GT(model.empty(), 0u) << "never empty: the test does not test";
    model.finish();
  }
}

}  // namespace
}  // namespace llmos
