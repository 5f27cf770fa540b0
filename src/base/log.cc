// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <mutex>

namespace llmos {

namespace {

std::mutex sink_mutex;
LogSink* installed_sink = nullptr;          // guarded by sink_mutex
LogLevel installed_level = LogLevel::kOff;  // guarded by sink_mutex

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::off;
}

// One of our sinks over one of spdlog's, which formats and locks.
class SpdlogSink : public LogSink {
 public:
  explicit SpdlogSink(std::shared_ptr<spdlog::sinks::sink> sink) : sink_(std::move(sink)) {
    sink_->set_pattern("%Y-%m-%d %H:%M:%S.%e [%l] (tid %t) %v");
  }
  ~SpdlogSink() override { flush(); }
  void write(LogLevel level, std::string_view line) override {
    sink_->log({spdlog::string_view_t(), to_spdlog(level),
                spdlog::string_view_t(line.data(), line.size())});
    if (level >= LogLevel::kWarn) flush();
  }

 private:
  void flush() noexcept {
    try {
      sink_->flush();
    } catch (const std::exception&) {  // a full disk costs lines, never the program
    }
  }

  std::shared_ptr<spdlog::sinks::sink> sink_;
};

// A line is one line: text from a request must not be able to imitate further ones.
std::string without_newlines(std::string line) {
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

}  // namespace

void set_log_sink(LogSink* sink, LogLevel level) {
  std::lock_guard lock(sink_mutex);
  installed_sink = sink;
  installed_level = level;
  detail::log_level.store(sink ? level : LogLevel::kOff, std::memory_order_relaxed);
}

std::unique_ptr<LogSink> make_stderr_sink() {
  return std::make_unique<SpdlogSink>(std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path) {
  try {
    return std::unique_ptr<LogSink>(
        new SpdlogSink(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path)));
  } catch (const std::exception& error) {
    return Status(Code::kDenied, (Text() << "log file " << path << ": " << error.what()).str());
  }
}

const char* log_level_name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      break;
  }
  return "off";
}

void detail::log_write(LogLevel level, const std::string& line) noexcept {
  try {
    std::lock_guard lock(sink_mutex);
    // Again, because the caller looked before it had the lock.
    if (!installed_sink || level < installed_level) return;
    if (line.find_first_of("\r\n") == line.npos) {
      installed_sink->write(level, line);
    } else {
      installed_sink->write(level, without_newlines(line));
    }
  } catch (...) {  // a host's sink that throws must not take a request down with it
  }
}

}  // namespace llmos
