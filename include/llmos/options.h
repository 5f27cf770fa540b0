// SPDX-License-Identifier: Apache-2.0
// Options: plain aggregates for designated initialisers. Every field has a default that is right
// for most programs; zero and empty mean "choose for me" where the comment says so.
//
//   llmos::Options options{.threads = {.count = 8}, .memory = {.bytes_max = 4ull << 30}};
//
// The same fields, under dotted names like "memory.bytes_max", can be set from a TOML file, from
// LLMOS_* variables and from flags; only LLMOS's executables read those, never the library.
#pragma once

#include <cstdint>
#include <string>

#include "llmos/extend.h"

namespace llmos {

// How memory from the operating system is paged.
enum class HugePages : uint8_t {
  kNone,      // ordinary pages
  kAdvise,    // transparent huge pages where the kernel has them free
  kExplicit,  // from the hugetlb pool that the administrator reserved; refused when it is empty
};

struct LogOptions {
  // The least severe lines that are written; kOff writes none. Lower it to look into a problem.
  LogLevel level{LogLevel::kWarn};
  // The file that lines are appended to; empty: standard error. Set it for services.
  std::string file{};
};

struct ThreadOptions {
  // Threads that compute; 0: one per core that this process may run on. Lower it to leave cores to
  // other programs.
  uint32_t count{};
  // Keeps each computing thread on one core: steadier times on a machine of one's own, worse ones
  // where other programs use the same cores. Default off.
  bool pin{};
};

struct MemoryOptions {
  // The most bytes ever taken from the operating system, bookkeeping included; 0: no cap. Set it
  // where other programs need the rest.
  uint64_t bytes_max{};
  // Default kAdvise. kExplicit for the fewest page faults, kNone where huge pages cause trouble.
  HugePages huge_pages{HugePages::kAdvise};
  // Finds double frees, foreign pointers and overruns, at some cost. Default off; for debugging.
  bool checked{};
};

struct TraceOptions {
  // Where a Chrome trace (JSON, opens in Perfetto) of the run is written at its end; empty: no
  // trace is taken.
  std::string file{};
  // The most events kept; later ones are counted and dropped. 48 bytes of memory each.
  uint32_t spans_max{1u << 18};
};

struct Options {
  LogOptions log{};
  ThreadOptions threads{};
  MemoryOptions memory{};
  TraceOptions trace{};
};

}  // namespace llmos
