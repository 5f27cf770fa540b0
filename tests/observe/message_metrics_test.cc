// SPDX-License-Identifier: Apache-2.0
#include "observe/message_metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "prometheus_page.h"

namespace llmos::observe {
namespace {

using namespace std::chrono_literals;
using Consumers = MessageMetrics::Consumers;

static_assert(QueueProbe<MessageProbe, int>);

struct Letter {
  uint64_t size;
  uint64_t bytes() const { return size; }
};

TEST(MessageMetrics, CountsBytesRatesAndWhatIsUnderWay) {
  VirtualClock clock;
  MessageMetrics metrics(Consumers::kOne, clock);
  MpscQueue<Letter, MessageProbe> queue(8, metrics.probe());
  for (uint64_t size : {100u, 200u, 300u}) ASSERT_TRUE(queue.try_push(Letter{size}));
  ASSERT_EQ(queue.try_pop()->size, 100u);
  ASSERT_EQ(queue.try_pop()->size, 200u);
  clock.advance(2s);
  MessageSummary summary = metrics.summary(queue.stats());
  EXPECT_EQ(summary.sent, 3u);
  EXPECT_EQ(summary.received, 2u);
  EXPECT_EQ(summary.lost, 1u);
  EXPECT_EQ(summary.bytes_received, 300u);
  EXPECT_EQ(summary.messages_per_second, 1.0);
  EXPECT_EQ(summary.bytes_per_second, 150.0);
  ASSERT_TRUE(queue.try_pop());
  summary = metrics.summary(queue.stats());
  EXPECT_EQ(summary.lost, 0u);
}

TEST(MessageMetrics, NothingMeasuredIsAllZero) {
  VirtualClock clock;
  const MessageSummary summary = MessageMetrics(Consumers::kMany, clock).summary({});
  EXPECT_EQ(summary.lost, 0u);
  EXPECT_EQ(summary.messages_per_second, 0);
  EXPECT_EQ(summary.latency.max, 0ns);
}

TEST(MessageMetrics, LatencyIsTheTimeInTheQueue) {
  MessageMetrics metrics(Consumers::kOne);
  MpscQueue<int, MessageProbe> queue(8, metrics.probe());
  ASSERT_TRUE(queue.try_push(1));
  std::this_thread::sleep_for(5ms);
  ASSERT_TRUE(queue.try_pop());
  const MessageSummary summary = metrics.summary(queue.stats());
  EXPECT_EQ(summary.bytes_received, sizeof(int));
  EXPECT_GE(summary.latency.min, 4900us);
  EXPECT_LT(summary.latency.max, 10s);
}

TEST(MessageMetrics, NothingIsLostBetweenThreads) {
  constexpr int kThreads = 2, kMessages = 20'000;
  MessageMetrics metrics(Consumers::kMany);
  MpmcQueue<int, MessageProbe> queue(64, metrics.probe());
  Registry registry;
  Result<QueueWatches> watches = watch_queue(registry, "q", {{"name", "work"}}, queue, metrics);
  ASSERT_TRUE(watches.ok()) << watches.status().message();
  EXPECT_FALSE(watch_queue(registry, "q", {{"name", "work"}}, queue, metrics).ok());
  EXPECT_EQ(registry.series_count(), 6u);
  {
    std::vector<std::jthread> consumers, producers;
    for (int t = 0; t < kThreads; ++t)
      consumers.emplace_back([&] {
        while (queue.pop()) {
        }
      });
    for (int t = 0; t < kThreads; ++t)
      producers.emplace_back([&] {
        for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(queue.push(int(i)));
      });
    EXPECT_NO_THROW(test::PrometheusPage{registry.prometheus_text()});
    producers.clear();
    queue.close();
  }
  const MessageSummary summary = metrics.summary(queue.stats());
  EXPECT_EQ(summary.sent, uint64_t(kThreads * kMessages));
  EXPECT_EQ(summary.received, summary.sent);
  EXPECT_EQ(summary.lost, 0u);
  EXPECT_EQ(summary.bytes_received, summary.sent * sizeof(int));
  EXPECT_GT(summary.bytes_per_second, 0);
  const test::PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("q_pushed_total", {{"name", "work"}}), double(summary.sent));
  EXPECT_EQ(page.value("q_latency_seconds_count", {{"name", "work"}}), double(summary.sent));
  EXPECT_EQ(page.value("q_depth", {{"name", "work"}}), 0);
}

}  // namespace
}  // namespace llmos::observe
