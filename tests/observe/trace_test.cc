// SPDX-License-Identifier: Apache-2.0
#include "observe/trace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/json.h"
#include "support/throwing_fatal.h"

namespace llmos::observe {
namespace {

struct Picture {
  explicit Picture(const Tracer& tracer) {
    Result<Json> parsed = parse_json(tracer.chrome_json());
    EXPECT_TRUE(parsed.ok()) << parsed.status().message();
    if (!parsed.ok()) return;
    json = *std::move(parsed);
    for (const Json& event : json.find("traceEvents")->items()) {
      const std::string phase = *event.find("ph")->if_string();
      if (phase != "M") events.push_back(&event);
      if (*event.find("name")->if_string() == "thread_name")
        tracks[*event.find("tid")->if_int64()] = *event.find("args")->find("name")->if_string();
    }
  }
  static std::string name(const Json& event) { return *event.find("name")->if_string(); }
  static double number(const Json& event, const char* key) { return *event.find(key)->if_double(); }

  Json json;
  std::vector<const Json*> events;
  std::map<int64_t, std::string> tracks;
};

TEST(Tracer, IsOffUntilStarted) {
  Tracer tracer(100);
  { TraceSpan span(tracer, "early"); }
  tracer.instant("early");
  tracer.counter("early", 1);
  EXPECT_EQ(tracer.written(), 0u);
  tracer.start();
  { TraceSpan span(tracer, "seen"); }
  tracer.stop();
  { TraceSpan span(tracer, "late"); }
  EXPECT_EQ(tracer.written(), 1u);
  EXPECT_EQ(Picture::name(*Picture(tracer).events.at(0)), "seen");
}

TEST(Tracer, SpansNestAndCarryTimesAndNotes) {
  Tracer tracer(100);
  tracer.start();
  {
    TraceSpan outer(tracer, "outer");
    outer.note("tokens", -512);
    TraceSpan inner(tracer, "inner");
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  tracer.instant("now");
  tracer.counter("depth", 9);
  const Picture picture(tracer);
  ASSERT_EQ(picture.events.size(), 4u);
  const Json& inner = *picture.events[0];
  const Json& outer = *picture.events[1];
  EXPECT_EQ(Picture::name(inner), "inner");
  EXPECT_EQ(*outer.find("ph")->if_string(), "X");
  EXPECT_GE(Picture::number(inner, "dur"), 3000 * 0.99);
  EXPECT_LE(Picture::number(outer, "ts"), Picture::number(inner, "ts"));
  EXPECT_GE(Picture::number(outer, "ts") + Picture::number(outer, "dur") + 0.01,
            Picture::number(inner, "ts") + Picture::number(inner, "dur"));
  EXPECT_EQ(outer.find("args")->find("tokens")->if_int64(), -512);
  EXPECT_EQ(inner.find("args"), nullptr);
  EXPECT_EQ(*picture.events[2]->find("ph")->if_string(), "i");
  EXPECT_GE(Picture::number(*picture.events[2], "ts"), 3000 * 0.99);
  EXPECT_EQ(*picture.events[3]->find("ph")->if_string(), "C");
  EXPECT_EQ(picture.events[3]->find("args")->find("value")->if_int64(), 9);
}

TEST(Tracer, ASpanOpenAtTheStopIsStillWritten) {
  Tracer tracer(10);
  tracer.start();
  {
    TraceSpan span(tracer, "open");
    tracer.stop();
  }
  EXPECT_EQ(tracer.written(), 1u);
}

TEST(Tracer, FullMeansCountedAndDropped) {
  Tracer tracer(100);
  EXPECT_EQ(tracer.events_max(), 2u * kTraceChunkEvents);
  tracer.start();
  for (int i = 0; i < 1000; ++i) tracer.instant("x");
  EXPECT_EQ(tracer.written(), tracer.events_max());
  EXPECT_EQ(tracer.dropped(), 1000 - tracer.events_max());
  const Picture picture(tracer);
  EXPECT_EQ(picture.events.size(), tracer.events_max());
  EXPECT_EQ(*picture.json.find("otherData")->find("dropped")->if_string(),
            std::to_string(tracer.dropped()));
}

TEST(Tracer, RefusesAbsurdSizes) {
  const test::ThrowingFatal throwing;
  EXPECT_THROW(Tracer(0), test::FatalError);
  EXPECT_THROW(Tracer(~size_t{0}), test::FatalError);
}

TEST(Tracer, AnyNameGivesValidJson) {
  Tracer tracer(10);
  tracer.start();
  tracer.name_thread("a\"\\\n\xff");
  tracer.instant("quote \" backslash \\ bell \a bad \xc3(");
  const Picture picture(tracer);
  EXPECT_EQ(Picture::name(*picture.events.at(0)),
            "quote \" backslash \\ bell \a bad \xef\xbf\xbd(");
  EXPECT_EQ(picture.tracks.at(1), "a\"\\\n\xef\xbf\xbd");
}

TEST(Tracer, TracersSideBySideDoNotMix) {
  Tracer first(10), second(10);
  first.start();
  second.start();
  first.instant("one");
  second.instant("two");
  EXPECT_EQ(Picture::name(*Picture(first).events.at(0)), "one");
  EXPECT_EQ(Picture::name(*Picture(second).events.at(0)), "two");
}

// written + dropped is exact, events stay on their own thread's track, and reading meanwhile sees
// whole events only.
TEST(Tracer, ManyThreadsWriteWhileOneReads) {
  constexpr int kThreads = 6, kEvents = 2000;
  Tracer tracer(kThreads * kEvents / 2);
  tracer.start();
  std::atomic<bool> stop{false};
  std::jthread reader([&] {
    while (!stop) {
      Picture picture(tracer);
      EXPECT_LE(picture.events.size(), tracer.events_max());
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        static constexpr const char* kNames[] = {"t0", "t1", "t2", "t3", "t4", "t5"};
        tracer.name_thread(kNames[t]);
        for (int i = 0; i < kEvents; ++i) {
          TraceSpan span(tracer, kNames[t]);
          span.note("i", i);
        }
      });
  }
  stop = true;
  reader.join();
  EXPECT_EQ(tracer.written() + tracer.dropped(), uint64_t(kThreads) * kEvents);
  const Picture picture(tracer);
  ASSERT_EQ(picture.events.size(), tracer.written());
  std::map<int64_t, int64_t> last;
  for (const Json* event : picture.events) {
    const int64_t track = *event->find("tid")->if_int64();
    EXPECT_EQ(picture.tracks.at(track), Picture::name(*event));
    const int64_t i = *event->find("args")->find("i")->if_int64();
    EXPECT_GE(i, last[track]);
    last[track] = i;
  }
}

// Threads that end and begin: thread numbers come again, slots are shared in time.
TEST(Tracer, ThreadsComeAndGo) {
  Tracer tracer(20'000);
  tracer.start();
  for (int round = 0; round < 50; ++round) {
    std::jthread one([&] { tracer.instant("x"); });
    std::jthread two([&] { tracer.instant("x"); });
  }
  EXPECT_EQ(tracer.written(), 100u);
  EXPECT_EQ(tracer.dropped(), 0u);
}

}  // namespace
}  // namespace llmos::observe
