// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "base/os_file.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

struct Line {
  LogLevel level;
  std::string text;
  bool operator==(const Line&) const = default;
};

class RecordingSink : public LogSink {
 public:
  void write(LogLevel level, std::string_view line) override {
    lines.push_back({level, std::string(line)});
  }
  std::vector<Line> lines;
};

// Silences again at the end, so that no test's sink outlives it.
class Installed {
 public:
  explicit Installed(LogSink* sink, LogLevel level = LogLevel::kTrace) {
    set_log_sink(sink, level);
  }
  ~Installed() { set_log_sink(nullptr); }
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;
};

TEST(Log, SinkReceivesLevelAndText) {
  RecordingSink sink;
  const Installed installed(&sink);
  LLMOS_LOG(kInfo) << "pool " << 3 << ": " << bytes_text(2048);
  LLMOS_LOG(kError) << "full";
  EXPECT_THAT(sink.lines, ElementsAre(Line{LogLevel::kInfo, "pool 3: 2.0 KiB"},
                                      Line{LogLevel::kError, "full"}));
}

TEST(Log, LowerLevelsAreNotEvenEvaluated) {
  RecordingSink sink;
  const Installed installed(&sink, LogLevel::kWarn);
  int evaluated = 0;
  LLMOS_LOG(kInfo) << ++evaluated;
  EXPECT_EQ(evaluated, 0);
  LLMOS_LOG(kWarn) << ++evaluated;
  EXPECT_THAT(sink.lines, ElementsAre(Line{LogLevel::kWarn, "1"}));
}

// A caller may have looked at the level just before it was raised.
TEST(Log, LineThatComesLateMeetsTheNewLevel) {
  RecordingSink sink;
  const Installed installed(&sink, LogLevel::kWarn);
  detail::log_write(LogLevel::kInfo, "late");
  EXPECT_THAT(sink.lines, IsEmpty());
}

TEST(Log, SilentWithoutASink) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  int evaluated = 0;
  LLMOS_LOG(kError) << ++evaluated;
  {
    RecordingSink sink;
    const Installed installed(&sink, LogLevel::kOff);
    LLMOS_LOG(kError) << ++evaluated;
  }
  LLMOS_LOG(kError) << ++evaluated;
  EXPECT_EQ(evaluated, 0);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Log, LineEndsInsideALineBecomeSpaces) {
  RecordingSink sink;
  const Installed installed(&sink);
  LLMOS_LOG(kInfo) << "name \n[error] forged\r\n";
  EXPECT_THAT(sink.lines, ElementsAre(Line{LogLevel::kInfo, "name  [error] forged  "}));
}

TEST(Log, SinkThatThrowsIsSurvived) {
  class Throwing : public LogSink {
   public:
    void write(LogLevel, std::string_view) override {
      ++calls;
      throw std::runtime_error("sink");
    }
    int calls = 0;
  } sink;
  const Installed installed(&sink);
  LLMOS_LOG(kInfo) << "one";
  LLMOS_LOG(kInfo) << "two";  // the lock was given back
  EXPECT_EQ(sink.calls, 2);
}

TEST(Log, OneCallAtATimeAndNoneAfterRemoval) {
  class Counting : public LogSink {
   public:
    ~Counting() override { alive = false; }
    void write(LogLevel, std::string_view) override {
      EXPECT_TRUE(alive);
      ++count;  // tsan sees a second caller
    }
    bool alive = true;
    int count = 0;
  };
  constexpr int kLines = 2000;
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int i = 0; i < kLines; ++i) {
      LLMOS_LOG(kInfo) << i;
      ++written;
    }
  });
  while (written < kLines) {
    Counting sink;
    const Installed installed(&sink);
    LLMOS_LOG(kInfo) << "here";
    EXPECT_GE(sink.count, 1);
  }
  writer.join();
}

TEST(LogSinks, FileIsAppended) {
  const test::TempDir dir;
  const std::string path = dir.write("log", "before\n");
  {
    Result<std::unique_ptr<LogSink>> sink = make_file_sink(path);
    ASSERT_TRUE(sink.ok()) << sink.status().to_string();
    const Installed installed(sink->get());
    LLMOS_LOG(kWarn) << "disk {} %s low";  // no format string
    const std::string flushed = *os::read_file(path, 1000);
    EXPECT_THAT(flushed, MatchesRegex("before\n[0-9]+-[0-9]+-[0-9]+ [0-9:]+\\.[0-9]+ "
                                      "\\[warn(ing)?\\] \\(tid [0-9]+\\) disk \\{\\} %s low\n"));
    LLMOS_LOG(kInfo) << "last";
  }
  EXPECT_THAT(*os::read_file(path, 1000), ::testing::EndsWith(") last\n"));
}

TEST(LogSinks, UnwritableFileIsAnError) {
  const test::TempDir dir;
  const Status status = make_file_sink(dir.path()).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), ::testing::HasSubstr(dir.path()));
}

TEST(LogSinks, FullDiskCostsLinesOnly) {
  Result<std::unique_ptr<LogSink>> sink = make_file_sink("/dev/full");
  ASSERT_TRUE(sink.ok()) << sink.status().to_string();
  const Installed installed(sink->get());
  LLMOS_LOG(kError) << "lost";
  LLMOS_LOG(kInfo) << std::string(100000, 'x');
}

TEST(LogSinks, StderrSinkWritesThere) {
  ::testing::internal::CaptureStderr();
  {
    const std::unique_ptr<LogSink> sink = make_stderr_sink();
    const Installed installed(sink.get());
    LLMOS_LOG(kInfo) << "seen";
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::EndsWith(") seen\n"));
}

TEST(Log, LevelsHaveNames) {
  EXPECT_STREQ(log_level_name(LogLevel::kTrace), "trace");
  EXPECT_STREQ(log_level_name(LogLevel::kDebug), "debug");
  EXPECT_STREQ(log_level_name(LogLevel::kInfo), "info");
  EXPECT_STREQ(log_level_name(LogLevel::kWarn), "warn");
  EXPECT_STREQ(log_level_name(LogLevel::kError), "error");
  EXPECT_STREQ(log_level_name(LogLevel::kOff), "off");
}

}  // namespace
}  // namespace llmos
