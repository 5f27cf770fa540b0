// SPDX-License-Identifier: Apache-2.0
// Interfaces that a host program may implement. Each is one to three virtuals; the host owns its
// objects and keeps them alive while they are installed.
#pragma once

#include <cstdint>
#include <string_view>

#include "llmos/version.h"

namespace llmos {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Receives LLMOS's log lines. Until one is installed LLMOS is silent: it never prints on its own.
class LogSink {
 public:
  virtual ~LogSink() = default;
  // Called from any thread, one call at a time. `line` has no newline and is valid during the call
  // only. Must not log through LLMOS itself; an exception that leaves it is swallowed.
  virtual void write(LogLevel level, std::string_view line) = 0;
};

// Sends lines at `level` and above to `sink` from now on; nullptr silences. The sink must outlive
// its installation; when this returns, no call into the sink before it is still running.
// Thread-safe.
LLMOS_API void set_log_sink(LogSink* sink, LogLevel level = LogLevel::kInfo);

}  // namespace llmos
