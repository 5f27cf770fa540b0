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
#include <utility>
#include <vector>

#include "llmos/extend.h"
#include "llmos/types.h"

namespace llmos {

// How memory from the operating system is paged.
enum class HugePages : uint8_t {
  kAuto,      // transparent huge pages where the kernel offers them
  kNone,      // ordinary pages
  kExplicit,  // from the kernel's hugetlb pool, taken in full when the pool is created
};

// Whether a pool verifies what it is given back.
enum class Checks : uint8_t {
  kAuto,  // on when the library was built with LLMOS_ASSERTIONS >= 1
  kOn,
  kOff,
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

// The pool's options that a user may set from outside; the fields mean what they mean in
// PoolOptions (memory.h).
struct MemoryOptions {
  // The most bytes ever taken from the operating system, bookkeeping included; 0: the memory of the
  // machine or of its container. Set it where other programs need the rest.
  uint64_t bytes_max{};
  // Default kAuto. kExplicit for the fewest page faults, kNone where huge pages cause trouble.
  HugePages huge_pages{};
  // Finds double frees and foreign pointers, at some 50 ns a call. Default kAuto; kOn to debug.
  Checks checks{};
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

// The engine's memory for keys and values, and what becomes of them.
struct CacheOptions {
  // Memory for keys and values; 0: what `sequences_max` sequences of a quarter of the context take,
  // at least one of the whole context. More lets more sequences run at once.
  uint64_t bytes{};
  // Their element type: "f32", "f16", "bf16" or "q8_0"; empty: "f32". The smaller ones save memory
  // and lose some precision.
  std::string kv_type{};
  // Tokens of a block. 16 suits all but measurements.
  uint32_t block_tokens{16};
  // Keeps what was computed, for requests of the same tenant that begin alike. Default on.
  bool prefix{true};
  // An existing directory where the prefix cache lies between two runs: read when an engine opens,
  // written when it closes, a file for each model, kernel set and kind of cache. Empty: nowhere. A
  // file that is damaged or does not fit is not used, with a line in the log. Who can write there
  // can put words into answers: make it the user's own.
  std::string prefix_directory{};
  // A directory on a disk, for one scratch file without a name that goes with the engine: sequences
  // that make room for others are written there, where that costs less than to compute them again.
  // Empty, the default: they are computed again. Not a file system in memory, which would free
  // nothing.
  std::string swap_directory{};
  // That file's bytes, at most; 0: four times the memory for keys and values.
  uint64_t swap_bytes{};
};

// What one tenant may take; 0: no limit.
struct TenantLimit {
  // Memory for keys and values that the sequences of the tenant may take at once, in whole blocks.
  // Beyond it they wait for each other, in the order of the policy, and nobody else waits for them.
  // A request that could never fit is refused. What several of its sequences share counts for each;
  // what the prefix cache keeps counts for nobody.
  uint64_t kv_bytes_max{};
  // The same as a share of that memory, 0 to 1; the smaller one counts.
  double kv_share_max{};
  // Of its sequences, so many may wait; a submit beyond it is refused. 0: half of queue_max where
  // any tenant has a limit on memory, so that one cannot fill the queue by waiting for itself.
  uint32_t queue_max{};
};

struct TenantOptions {
  // Of each tenant; "" is one as well. Default: no limits, all share what there is.
  TenantLimit each{};
  // Tenants with limits of their own, in place of those of `each`.
  std::vector<std::pair<std::string, TenantLimit>> named{};
};

struct SchedulerOptions {
  // "mlfq" (empty means this), "fcfs", "sjf", "priority", "fair", "round-robin", "gittins-learned",
  // "mlfq-skipjoin".
  std::string policy{};
  // A policy of the host's own in place of a named one; outlives the engine.
  SchedulingPolicy* custom{};
  // Sequences that run in one step; 0: 16. More raise throughput and slow each one down.
  uint32_t sequences_max{};
  // Tokens computed in one step, prompts and decodes; 0: 512. Fewer make the time between tokens
  // steadier, more make prompts faster.
  uint32_t step_tokens{};
  // Sequences that may wait; a submit beyond it is refused.
  uint32_t queue_max{1024};
  // Refuses requests while somebody might have to wait longer than this; 0: never.
  Millis waiting_max{};
};

class MemoryBudget;  // engine.h

// One engine.
struct EngineOptions {
  Device device{};
  // Threads that compute; 0: one per core that this process may run on.
  uint32_t threads{};
  // Parts into which the model is divided, each with threads, weights and memory of its own, as one
  // for each NUMA node; 0 or 1: it is not. Each has its share of `threads`. Requests that are
  // suspended leave what was computed behind, and nothing is swapped. Some models cannot be divided
  // into some numbers.
  uint32_t ranks{};
  // How long a part may be missing before what runs ends with an error that names it.
  Millis rank_timeout{30'000};
  // The most tokens of one sequence, prompt and answer; 0: what the model was made for, but at most
  // 4096.
  uint32_t context{};
  // The kernel set, one of kernel_sets(); empty: the best of this machine.
  std::string kernels{};
  // How quantised weights are kept: "auto" (empty means this), "mapped" or "repacked"; see
  // ModelOptions (model.h).
  std::string weights{};
  CacheOptions cache{};
  SchedulerOptions scheduler{};
  TenantOptions tenants{};
  // What this engine allocates (weights that are not mapped, workspace, keys and values) counts
  // against it, with that of all other engines that have it; outlives the engine. nullptr: none.
  MemoryBudget* budget{};
  // Tokens that wait for the reader of a stream, at most; its sequence is parked until it reads.
  uint32_t stream_tokens{256};
  // A stream that nobody reads for so long while it is full ends as cancelled; 0: never.
  Millis reader_stall_max{30'000};
  // Plans a step while the one before it runs, on a thread of its own. For devices beside the CPU;
  // on a CPU it only takes time from the computing threads. Default off.
  bool overlap{};
  // Supplies the model's files instead of the file system; outlives the engine.
  WeightSource* source{};
  // Hears how loading advances and may end it; used during open() only.
  LoadProgress* progress{};
};

}  // namespace llmos
