// SPDX-License-Identifier: Apache-2.0
// Examples, and the single-threaded edges of the interface.
#include "llmos/queue.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "counting_new.h"
#include "queues.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

using namespace std::chrono_literals;

template <class Kind>
class Queues : public ::testing::Test {
 public:
  template <class T, class Probe = NoProbe>
  using Queue = typename Kind::template Queue<T, Probe>;
};
TYPED_TEST_SUITE(Queues, test::AllQueues, test::QueueName);

TYPED_TEST(Queues, FirstInFirstOut) {
  typename TestFixture::template Queue<int> queue(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.try_push(int(i)));
  EXPECT_EQ(queue.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(queue.try_pop(), i);
  EXPECT_EQ(queue.try_pop(), std::nullopt);
}

TYPED_TEST(Queues, FullLeavesTheValueWithTheCaller) {
  typename TestFixture::template Queue<std::unique_ptr<int>> queue(2);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(queue.try_push(std::move(third)));
  ASSERT_NE(third, nullptr);
  EXPECT_FALSE(queue.push_for(std::move(third), 1ms));
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(**queue.try_pop(), 1);
  EXPECT_TRUE(queue.try_push(std::move(third)));
  EXPECT_EQ(third, nullptr);
}

TYPED_TEST(Queues, ClosedRefusesPushesAndDeliversTheRest) {
  typename TestFixture::template Queue<std::unique_ptr<int>> queue(4);
  EXPECT_TRUE(queue.push(std::make_unique<int>(1)));
  EXPECT_TRUE(queue.push(std::make_unique<int>(2)));
  queue.close();
  queue.close();
  EXPECT_TRUE(queue.closed());
  auto late = std::make_unique<int>(3);
  EXPECT_FALSE(queue.try_push(std::move(late)));
  EXPECT_FALSE(queue.push(std::move(late)));
  EXPECT_FALSE(queue.push_for(std::move(late), 1h));
  EXPECT_NE(late, nullptr);
  EXPECT_EQ(**queue.pop(), 1);
  EXPECT_EQ(**queue.pop_for(1h), 2);
  EXPECT_EQ(queue.pop(), std::nullopt);
  EXPECT_EQ(queue.pop_for(1h), std::nullopt);
}

TYPED_TEST(Queues, DrainReturnsWhatIsLeftInOrder) {
  typename TestFixture::template Queue<int> queue(8);
  for (int i = 0; i < 5; ++i) queue.push(int(i));
  EXPECT_EQ(queue.pop(), 0);
  EXPECT_EQ(queue.drain(), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_TRUE(queue.closed());
  EXPECT_TRUE(queue.drain().empty());
}

TYPED_TEST(Queues, CapacityIsRoundedUpAndHeld) {
  for (const auto& [asked, found] :
       {std::pair<size_t, size_t>{1, 1}, {2, 2}, {3, 4}, {1000, 1024}}) {
    typename TestFixture::template Queue<size_t> queue(asked);
    EXPECT_EQ(queue.capacity(), found);
    for (int lap = 0; lap < 3; ++lap) {
      size_t pushed = 0;
      while (queue.try_push(size_t(pushed))) ++pushed;
      EXPECT_EQ(pushed, found);
      for (size_t i = 0; i < found; ++i) EXPECT_EQ(queue.try_pop(), i);
    }
  }
}

TYPED_TEST(Queues, AbsurdCapacityIsAProgrammerError) {
  const test::ThrowingFatal guard;
  using Ints = typename TestFixture::template Queue<int>;
  EXPECT_THROW(Ints(0), test::FatalError);
  EXPECT_THROW(Ints(kQueueCapacityMax + 1), test::FatalError);
  EXPECT_THROW(Ints(SIZE_MAX), test::FatalError);
}

TYPED_TEST(Queues, BatchTakesWhatIsThere) {
  typename TestFixture::template Queue<int> queue(8);
  std::array<int, 3> out{};
  EXPECT_EQ(queue.try_pop(std::span(out)), 0u);
  EXPECT_EQ(queue.pop_for(std::span(out), 1ms), 0u);
  for (int i = 0; i < 5; ++i) queue.push(int(i));
  EXPECT_EQ(queue.try_pop(std::span(out)), 3u);
  EXPECT_EQ(out, (std::array{0, 1, 2}));
  EXPECT_EQ(queue.pop(std::span(out)), 2u);
  EXPECT_EQ(out, (std::array{3, 4, 2}));
  EXPECT_EQ(queue.pop(std::span<int>()), 0u);  // asks for nothing: does not wait
  queue.close();
  EXPECT_EQ(queue.pop(std::span(out)), 0u);
}

TYPED_TEST(Queues, StatsCountPushesPopsAndRejections) {
  typename TestFixture::template Queue<int> queue(2);
  for (int i = 0; i < 5; ++i) (void)queue.try_push(int(i));
  (void)queue.push_for(9, 0ms);
  EXPECT_EQ(queue.try_pop(), 0);
  const QueueStats stats = queue.stats();
  EXPECT_EQ(stats.pushed, 2u);
  EXPECT_EQ(stats.popped, 1u);
  EXPECT_EQ(stats.full_rejections, 4u);
  queue.close();
  EXPECT_FALSE(queue.try_push(1));
  EXPECT_EQ(queue.stats().full_rejections, 4u) << "closed is not full";
}

TYPED_TEST(Queues, NothingAllocatesAfterConstruction) {
  typename TestFixture::template Queue<int> queue(4);
  std::array<int, 4> out{};
  const size_t before = test::allocations();
  for (int lap = 0; lap < 100; ++lap) {
    for (int i = 0; i < 5; ++i) (void)queue.try_push(int(i));
    (void)queue.push_for(1, 1us);
    (void)queue.try_pop();
    (void)queue.pop(std::span(out));
    (void)queue.pop_for(1us);
  }
  EXPECT_EQ(test::allocations(), before);
}

// Counts its live objects; every constructor and destructor passes through.
struct Counted {
  explicit Counted(int* live) : live_(live) { ++*live_; }
  Counted(Counted&& other) noexcept : live_(other.live_) { ++*live_; }
  Counted& operator=(Counted&& other) noexcept = default;
  ~Counted() { --*live_; }
  int* live_;
};

TYPED_TEST(Queues, EveryElementIsDestroyedOnce) {
  int live = 0;
  {
    typename TestFixture::template Queue<Counted> queue(8);
    for (int i = 0; i < 8; ++i) queue.push(Counted(&live));
    EXPECT_EQ(live, 8);
    EXPECT_FALSE(queue.try_push(Counted(&live)));
    EXPECT_EQ(live, 8);
    queue.try_pop();
    EXPECT_EQ(live, 7);
    {
      std::vector<Counted> out;
      for (int i = 0; i < 3; ++i) out.emplace_back(&live);
      EXPECT_EQ(queue.try_pop(std::span(out)), 3u);
      EXPECT_EQ(live, 7);
    }
    EXPECT_EQ(live, 4);
    queue.push(Counted(&live));
  }
  EXPECT_EQ(live, 0);
}

TYPED_TEST(Queues, OverAlignedElementsStayAligned) {
  struct alignas(256) Wide {
    int value;
  };
  typename TestFixture::template Queue<Wide> queue(3);
  for (int i = 0; i < 4; ++i) queue.push(Wide{i});
  for (int i = 0; i < 4; ++i) {
    const auto wide = queue.pop();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(&*wide) % 256, 0u);
    EXPECT_EQ(wide->value, i);
  }
}

// What observe will do with a probe: latency from stamps, loss from counts, bandwidth from bytes.
struct CountingProbe {
  struct Stamp {
    uint64_t ticket;
  };
  Stamp pushed(const std::vector<char>& value) noexcept {
    bytes_in += value.size();
    return {count++};
  }
  void popped(const std::vector<char>& value, const Stamp& stamp) noexcept {
    bytes_out += value.size();
    in_order = in_order && stamp.ticket == expected++;
  }
  uint64_t count = 0, expected = 0, bytes_in = 0, bytes_out = 0;
  bool in_order = true;
};

TYPED_TEST(Queues, ProbeSeesEveryElementWithItsStamp) {
  typename TestFixture::template Queue<std::vector<char>, CountingProbe> queue(4);
  for (size_t i = 0; i < 6; ++i) (void)queue.try_push(std::vector<char>(i));
  EXPECT_EQ(queue.drain().size(), 4u);
  EXPECT_EQ(queue.probe().count, 4u) << "a refused push was reported";
  EXPECT_EQ(queue.probe().bytes_in, 0u + 1 + 2 + 3);
  EXPECT_EQ(queue.probe().bytes_out, queue.probe().bytes_in);
  EXPECT_TRUE(queue.probe().in_order);
}

TYPED_TEST(Queues, EmptyProbeTakesNoRoom) {
  using Plain = typename TestFixture::template Queue<uint64_t>;
  struct Empty {
    struct Stamp {};
    Stamp pushed(uint64_t) noexcept { return {}; }
    void popped(uint64_t, Stamp) noexcept {}
  };
  EXPECT_EQ(sizeof(Plain), sizeof(typename TestFixture::template Queue<uint64_t, Empty>));
  EXPECT_EQ(alignof(Plain), detail::kCacheLineBytes);
}

TYPED_TEST(Queues, TimeoutsAreNeitherShortNorLong) {
  typename TestFixture::template Queue<int> queue(1);
  // Never early; and at least one of a few is punctual, however busy the machine.
  const auto punctual = [](auto&& wait) {
    constexpr auto kAsked = 10ms, kLate = 5ms;
    bool prompt = false;
    for (int i = 0; i < 20 && !prompt; ++i) {
      const auto start = std::chrono::steady_clock::now();
      wait(kAsked);
      const auto took = std::chrono::steady_clock::now() - start;
      EXPECT_GE(took, kAsked);
      prompt = took < kAsked + kLate;
    }
    return prompt;
  };
  EXPECT_TRUE(punctual([&](auto time) { EXPECT_EQ(queue.pop_for(time), std::nullopt); }));
  queue.push(1);
  EXPECT_TRUE(punctual([&](auto time) { EXPECT_FALSE(queue.push_for(2, time)); }));
}

TYPED_TEST(Queues, OddTimeoutsAreHarmless) {
  typename TestFixture::template Queue<int> queue(1);
  EXPECT_EQ(queue.pop_for(-1h), std::nullopt);
  EXPECT_EQ(queue.pop_for(0ns), std::nullopt);
  EXPECT_EQ(queue.pop_for(std::chrono::nanoseconds::min()), std::nullopt);
  EXPECT_TRUE(queue.push_for(7, -1h)) << "there is room: no need to wait";
  EXPECT_EQ(queue.pop_for(std::chrono::nanoseconds::max()), 7);
  std::jthread later([&] {
    std::this_thread::sleep_for(5ms);
    queue.push(8);
  });
  EXPECT_EQ(queue.pop_for(std::chrono::nanoseconds::max()), 8) << "the deadline overflowed";
}

TYPED_TEST(Queues, WaitersAreWokenByPushPopAndClose) {
  typename TestFixture::template Queue<int> queue(1);
  {
    std::jthread consumer([&] { EXPECT_EQ(queue.pop(), 5); });
    std::this_thread::sleep_for(5ms);
    queue.push(5);
  }
  queue.push(1);
  {
    std::jthread producer([&] { EXPECT_TRUE(queue.push(2)); });
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(queue.pop(), 1);
  }
  {
    std::jthread producer([&] { EXPECT_FALSE(queue.push(3)); });
    std::this_thread::sleep_for(5ms);
    queue.close();
  }
  EXPECT_EQ(queue.pop(), 2);
  EXPECT_EQ(queue.pop(), std::nullopt);
  typename TestFixture::template Queue<int> other(1);
  std::jthread consumer([&] { EXPECT_EQ(other.pop(), std::nullopt); });
  std::this_thread::sleep_for(5ms);
  other.close();
}

}  // namespace
}  // namespace llmos
