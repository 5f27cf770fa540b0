// SPDX-License-Identifier: Apache-2.0
#include "config/llmos_options.h"

#include "llmos/options.h"

namespace llmos::config {

namespace {

constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warn", "error", "off"};
constexpr std::string_view kHugePages[] = {"none", "advise", "explicit"};

// Four times the cores of the largest machines of today.
constexpr uint32_t kThreadsMax = 4096;
// The user address space of x86-64 and AArch64 (2^47); it lies inside what pools can reserve.
constexpr uint64_t kMemoryBytesMax = uint64_t{1} << 47;
// 48 GiB of events, far above any sensible trace.
constexpr uint32_t kSpansMax = 1u << 30;

}  // namespace

const OptionTable& llmos_options() {
  static const OptionTable table = OptionTable::of<Options>({
      enum_option<&Options::log, &LogOptions::level>(
          "log.level", "The least severe lines that are written.", kLogLevels),
      option<&Options::log, &LogOptions::file>(
          "log.file", "The file that lines are appended to; empty: standard error."),
      option<&Options::threads, &ThreadOptions::count>(
          "threads.count", "Threads that compute; 0: one per usable core.", {0, kThreadsMax},
          "threads"),
      option<&Options::threads, &ThreadOptions::pin>("threads.pin",
                                                     "Keep each computing thread on one core."),
      bytes_option<&Options::memory, &MemoryOptions::bytes_max>(
          "memory.bytes_max", "The most bytes taken from the operating system; 0: no cap.",
          {0, kMemoryBytesMax}),
      enum_option<&Options::memory, &MemoryOptions::huge_pages>("memory.huge_pages",
                                                                "How memory is paged.", kHugePages),
      option<&Options::memory, &MemoryOptions::checked>(
          "memory.checked", "Find double frees, foreign pointers and overruns, at some cost."),
      option<&Options::trace, &TraceOptions::file>(
          "trace.file", "Where a Chrome trace (JSON) of the run is written; empty: none is taken."),
      option<&Options::trace, &TraceOptions::spans_max>(
          "trace.spans_max", "The most events kept in a trace, 48 bytes of memory each.",
          {1, kSpansMax}, "events"),
  });
  return table;
}

}  // namespace llmos::config
