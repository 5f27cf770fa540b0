// SPDX-License-Identifier: Apache-2.0
#include "observe/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <thread>

#include "prometheus_page.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos::observe {
namespace {

using test::PrometheusPage;
using ::testing::HasSubstr;

TEST(PrometheusPage, RefusesWhatIsWrong) {
  const std::string head = "# HELP a x\n# TYPE a counter\n";
  EXPECT_NO_THROW(PrometheusPage(head + "a 1\n"));
  const std::string histogram = "# HELP h x\n# TYPE h histogram\n";
  for (const std::string& page :
       {std::string("a 1\n"), head + "a 1", head + "b 1\n", head + "a x\n", head + "a -1\n",
        head + "a 1\na 1\n", head + "a{l=\"x} 1\n", head + "a{l=\"x\\q\"} 1\n", head + head,
        head + "a{l=\"x\",l=\"y\"} 1\n", head + "a{9=\"x\"} 1\n", head + "a  1\n",
        std::string("# TYPE a counter\na 1\n"), histogram + "h_sum 1\nh_count 1\n",
        histogram + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
        histogram + "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 1\n",
        histogram + "h_bucket{le=\"+Inf\"} 1\nh_count 1\n"})
    EXPECT_THROW(PrometheusPage{page}, std::runtime_error) << page;
}

TEST(Registry, WritesTheFormatToTheLetter) {
  Registry registry;
  (*registry.counter("steps_total", "Steps run.", {{"rank", "1"}, {"model", "a"}}))->add(7);
  (*registry.gauge("load", "Share of \\ time\nbusy."))->set(0.25);
  EXPECT_EQ(registry.prometheus_text(),
            "# HELP load Share of \\\\ time\\nbusy.\n"
            "# TYPE load gauge\n"
            "load 0.25\n"
            "# HELP steps_total Steps run.\n"
            "# TYPE steps_total counter\n"
            "steps_total{model=\"a\",rank=\"1\"} 7\n");
}

TEST(Registry, HistogramIsCumulativeAndScaled) {
  Registry registry;
  Histogram* histogram = *registry.histogram("wait_seconds", "Time waited.", {{"queue", "in"}});
  for (const uint64_t ns : {500u, 1023u, 1024u, 2'000'000'000u}) histogram->record(ns);
  histogram->record(std::numeric_limits<uint64_t>::max() / 2);
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("wait_seconds_bucket", {{"queue", "in"}, {"le", "1.023e-06"}}), 2);
  EXPECT_EQ(page.value("wait_seconds_bucket", {{"queue", "in"}, {"le", "2.047e-06"}}), 3);
  EXPECT_EQ(page.value("wait_seconds_bucket", {{"queue", "in"}, {"le", "+Inf"}}), 5);
  EXPECT_EQ(page.value("wait_seconds_count", {{"queue", "in"}}), 5);
  EXPECT_EQ(page.families().at("wait_seconds").samples.size(), 27u + 3u);
  EXPECT_NEAR(*page.value("wait_seconds_sum", {{"queue", "in"}}), 9.223372038854777e9, 1);
}

TEST(Registry, SameNameAndLabelsAreOneMetric) {
  Registry registry;
  Counter* counter = *registry.counter("a", "x", {{"k", "1"}, {"j", "2"}});
  EXPECT_EQ(*registry.counter("a", "y", {{"j", "2"}, {"k", "1"}}), counter);
  EXPECT_NE(*registry.counter("a", "x", {{"j", "1"}, {"k", "2"}}), counter);
  EXPECT_EQ(registry.series_count(), 2u);
  EXPECT_EQ(PrometheusPage(registry.prometheus_text()).families().at("a").help, "x");
}

TEST(Registry, RefusesBadNamesLabelsAndTypes) {
  Registry registry;
  for (const char* name : {"", "9a", "a-b", "a b", "a\n", "\xc3\xa9"})
    EXPECT_EQ(registry.counter(name, "x").status().code(), Code::kInvalid) << name;
  for (const char* label : {"", "9", "a:b", "__a", "a\""})
    EXPECT_EQ(registry.gauge("a", "x", {{label, "v"}}).status().code(), Code::kInvalid) << label;
  EXPECT_FALSE(registry.counter("a", "x", {{"l", "1"}, {"l", "2"}}).ok());
  EXPECT_FALSE(registry.counter("a", "x", {{"l", std::string(2000, 'v')}}).ok());
  EXPECT_FALSE(registry.histogram("h", "x", {{"le", "1"}}).ok());
  EXPECT_EQ(registry.series_count(), 0u);
  EXPECT_EQ(registry.prometheus_text(), "");

  ASSERT_TRUE(registry.counter("a", "x").ok());
  EXPECT_THAT(registry.gauge("a", "x").status().message(), HasSubstr("exists as a counter"));
  ASSERT_TRUE(registry.histogram("h", "x").ok());
  EXPECT_FALSE(registry.counter("h_sum", "x").ok());
  ASSERT_TRUE(registry.counter("i_count", "x").ok());
  EXPECT_FALSE(registry.histogram("i", "x").ok());
  const test::ThrowingFatal throwing;
  EXPECT_THROW((void)registry.histogram("j", "x", {}, {1, 10, 9}), test::FatalError);
}

TEST(Registry, SeriesAreBounded) {
  Registry registry(3);
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(registry.counter("a", "x", {{"i", std::to_string(i)}}).ok());
  EXPECT_EQ(registry.counter("a", "x", {{"i", "3"}}).status().code(), Code::kExhausted);
  EXPECT_EQ(registry.gauge("b", "x").status().code(), Code::kExhausted);
  EXPECT_TRUE(registry.counter("a", "x", {{"i", "2"}}).ok());
  EXPECT_EQ(PrometheusPage(registry.prometheus_text()).families().size(), 1u);
}

TEST(Registry, WatchesReadOnDemandAndEnd) {
  Registry registry;
  uint64_t pushed = 3;
  {
    Result<Watch> count = registry.watch_counter("pushed_total", "x", {}, [&] { return pushed; });
    Result<Watch> depth = registry.watch_gauge("depth", "x", {{"q", "in"}}, [] { return -1.5; });
    ASSERT_TRUE(count.ok() && depth.ok());
    EXPECT_FALSE(registry.watch_counter("pushed_total", "x", {}, [] { return 0; }).ok());
    EXPECT_FALSE(registry.counter("pushed_total", "x").ok());
    pushed = 4;
    const PrometheusPage page(registry.prometheus_text());
    EXPECT_EQ(page.value("pushed_total"), 4);
    EXPECT_EQ(page.value("depth", {{"q", "in"}}), -1.5);
    Watch moved = *std::move(depth);
    EXPECT_EQ(registry.series_count(), 2u);
    moved = Watch();
    EXPECT_EQ(registry.series_count(), 1u);
  }
  EXPECT_EQ(registry.prometheus_text(), "");
  EXPECT_TRUE(registry.counter("pushed_total", "x").ok());
}

TEST(Registry, WatchesHistogramsKeptElsewhere) {
  Registry registry;
  Histogram elsewhere;
  Result<Watch> watch = registry.watch_histogram("size_bytes", "x", {{"q", "in"}},
                                                 [&] { return elsewhere.snapshot(); }, {1, 6, 8});
  ASSERT_TRUE(watch.ok());
  for (const uint64_t bytes : {63u, 64u, 255u, 256u}) elsewhere.record(bytes);
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("size_bytes_bucket", {{"q", "in"}, {"le", "63"}}), 1);
  EXPECT_EQ(page.value("size_bytes_bucket", {{"q", "in"}, {"le", "127"}}), 2);
  EXPECT_EQ(page.value("size_bytes_bucket", {{"q", "in"}, {"le", "255"}}), 3);
  EXPECT_EQ(page.value("size_bytes_sum", {{"q", "in"}}), 638);
}

TEST(Registry, AThrowingCallbackCostsOnlyItsSeries) {
  Registry registry;
  Result<Watch> bad = registry.watch_gauge("bad", "x", {}, []() -> double { throw 1; });
  (*registry.counter("good", "x"))->add();
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("bad"), std::nullopt);
  EXPECT_EQ(page.value("good"), 1);
}

TEST(Registry, NumbersOfAllKinds) {
  Registry registry;
  const double infinity = std::numeric_limits<double>::infinity();
  (*registry.gauge("a", "x"))->set(infinity);
  (*registry.gauge("b", "x"))->set(-infinity);
  (*registry.gauge("c", "x"))->set(std::nan(""));
  (*registry.gauge("d", "x"))->set(5e-324);
  (*registry.gauge("e", "x"))->set(1.7976931348623157e308);
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("a"), infinity);
  EXPECT_EQ(page.value("b"), -infinity);
  EXPECT_TRUE(std::isnan(*page.value("c")));
  EXPECT_EQ(page.value("d"), 5e-324);
  EXPECT_EQ(page.value("e"), 1.7976931348623157e308);
}

// Property: whatever stands in a label comes back from the page, except that what is no UTF-8
// becomes U+FFFD.
TEST(Registry, AnyLabelValueSurvives) {
  std::mt19937_64 random(test::seed("label values"));
  static constexpr std::string_view kPieces[] = {
      "\\", "\"", "\n", "n", "a", "{", "}", ",", "=", " ", "\t", "\xe2\x82\xac", "#", "\r"};
  for (int round = 0; round < 2000; ++round) {
    std::string value;
    for (size_t i = random() % 12; i > 0; --i) value += kPieces[random() % std::size(kPieces)];
    Registry registry;
    (*registry.counter("a", value, {{"l", value}}))->add(5);
    const PrometheusPage page(registry.prometheus_text());
    EXPECT_EQ(page.value("a", {{"l", value}}), 5);
    EXPECT_EQ(page.families().at("a").help, value);
  }
  Registry registry;
  (*registry.counter("a", "\xff", {{"l", "x\xc3("}}))->add(5);
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("a", {{"l", "x\xef\xbf\xbd("}}), 5);
}

TEST(Registry, ThreadsRegisterRecordAndRead) {
  Registry registry;
  std::atomic<bool> stop{false};
  std::jthread reader([&] {
    while (!stop) EXPECT_NO_THROW(PrometheusPage{registry.prometheus_text()});
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const std::string label = std::to_string(i % 20);
          (*registry.counter("hits_total", "x", {{"i", label}}))->add();
          (*registry.histogram("wait", "x", {{"i", std::to_string(i % 2)}}))->record(size_t(i));
          Result<Watch> watch =
              registry.watch_gauge("depth", "x", {{"t", std::to_string(t)}}, [] { return 1.0; });
          EXPECT_TRUE(watch.ok());
        }
      });
  }
  stop = true;
  reader.join();
  const PrometheusPage page(registry.prometheus_text());
  EXPECT_EQ(page.value("hits_total", {{"i", "7"}}), 30);
  EXPECT_EQ(page.value("wait_count", {{"i", "1"}}), 300);
  EXPECT_EQ(registry.series_count(), 22u);
}

}  // namespace
}  // namespace llmos::observe
