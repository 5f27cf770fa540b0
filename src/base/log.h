// SPDX-License-Identifier: Apache-2.0
// Logging. Silent until a host installs a sink (extend.h): a library inside somebody's program
// prints nothing.
//
//   LLMOS_LOG(kInfo) << "pool " << name << ": returned " << bytes_text(n);
//
// A line below the installed level costs one relaxed load and evaluates nothing. Line ends inside a
// line reach the sink as spaces. spdlog stands
// behind this header (formatting of time and level, console and file sinks); it is included by
// log.cc only.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/text.h"
#include "llmos/extend.h"
#include "llmos/status.h"

namespace llmos {

// Ready-made sinks for executables. Lines look like "2026-11-21 09:15:02.123 [warn] (tid 42) text".
std::unique_ptr<LogSink> make_stderr_sink();
// Appends to `path`, flushing at kWarn and above.
Result<std::unique_ptr<LogSink>> make_file_sink(const std::string& path);

const char* log_level_name(LogLevel level) noexcept;  // "trace" ... "error", "off"

namespace detail {

inline std::atomic<LogLevel> log_level{LogLevel::kOff};

inline bool log_enabled(LogLevel level) {
  // Relaxed: a stale level only shifts the moment from which lines appear; the sink itself is
  // guarded in log.cc.
  return level >= log_level.load(std::memory_order_relaxed);
}

void log_write(LogLevel level, const std::string& line) noexcept;

struct LogLine {  // binds looser than <<
  LogLevel level;
  void operator&(const Text& text) const { log_write(level, text.str()); }
};

}  // namespace detail
}  // namespace llmos

#define LLMOS_LOG(level_)                                  \
  !::llmos::detail::log_enabled(::llmos::LogLevel::level_) \
      ? static_cast<void>(0)                               \
      : ::llmos::detail::LogLine{::llmos::LogLevel::level_} & ::llmos::Text()
