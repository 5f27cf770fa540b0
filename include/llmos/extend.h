// SPDX-License-Identifier: Apache-2.0
// Interfaces that a host program may implement. Each is one to three virtuals; the host owns its
// objects and keeps them alive while they are installed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "llmos/status.h"
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

// Supplies the files of a model: from memory, an archive, a network of the host's own. LLMOS asks
// for files by the names that a model directory would hold ("model.gguf", "config.json",
// "model-00001-of-00002.safetensors").
//
// Owner    The host; it outlives what was opened from it, for weights are read when they are used.
// Threads  Every method from any number of threads at once.
// Failure  kNotFound for a name that is not there; any other status ends the opening or loading
//          with it. The bytes are not trusted.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // Bytes of the file; the same at every call.
  virtual Result<uint64_t> size(const std::string& name) = 0;
  // Exactly into.size() bytes from `offset`, which lie within size().
  virtual Status read(const std::string& name, uint64_t offset, std::span<std::byte> into) = 0;
  // The whole file where it already lies in memory, unchanged and aligned to 64 bytes while the
  // source lives; empty where it does not: then read() is used.
  virtual std::span<const std::byte> in_memory(const std::string& name) {
    static_cast<void>(name);
    return {};
  }
};

// How far a long work is: loading, quantising.
struct Progress {
  uint64_t bytes_done{};
  uint64_t bytes_total{};
  uint32_t tensors_done{};
  uint32_t tensors_total{};
};

// Hears how loading or quantising advances.
class LoadProgress {
 public:
  virtual ~LoadProgress() = default;
  // Called from one thread at a time, at least once a tensor, the last time with all done. False
  // ends the work with kCancelled. Must not throw.
  virtual bool advance(const Progress& progress) = 0;
};

// What a step of the engine costs, in seconds, as measured. A step takes about
// step + prompt_token * (prompt tokens) + decode * (decodes) + context_token * (tokens read).
struct SchedulingCosts {
  double step{0.017};
  double prompt_token{0.00011};
  double decode{0.00005};
  double context_token{0.53e-6};
  double swap_token{32e-6};       // moving one token's keys and values to the next tier, or back
  uint32_t slots{16};             // sequences that may run in one step
  uint32_t tokens_per_step{512};  // prompt tokens and decodes of one step
  uint32_t kv_tokens{15000};      // tokens whose keys and values fit in device memory
};

// Where a sequence stands in the order. Lower levels run first; inside a level lower keys, then
// those who came first.
struct SchedulingRank {
  static constexpr uint32_t kLevels = 64;
  uint32_t level{};  // below kLevels
  double key{};      // 0 for all: each level is a plain queue, which is the fastest
  // The rank holds until the sequence has put out this many tokens, or has run this long.
  uint32_t output_tokens_until{std::numeric_limits<uint32_t>::max()};
  double served_seconds_until{std::numeric_limits<double>::infinity()};
};

// A sequence as a policy sees it. Times are seconds since the engine's start.
struct SequenceView {
  uint64_t id{};             // counts arrivals
  uint32_t tenant{};         // index of its tenant
  int32_t priority{};        // higher is more urgent
  uint32_t prompt_tokens{};  // all of them
  uint32_t prompt_left{};    // not computed yet; a recomputed sequence has its output in here too
  uint32_t output_tokens{};  // so far
  uint32_t output_tokens_max{};
  uint32_t held_tokens{};       // with keys and values, on whichever tier
  double output_tokens_hint{};  // what the caller expects in all; 0: no hint
  double now{};
  double arrival{};
  double last_service{};    // end of the last step that it was part of, else its arrival
  double served_seconds{};  // duration of all steps that it was part of
  double deadline{std::numeric_limits<double>::infinity()};
  bool resident{};        // in device memory
  SchedulingRank rank{};  // the one given before; level kLevels when there is none
};

// Decides who runs: a host's own in place of the built-in ones.
//
// Owner    The host; it outlives the engine.
// Threads  Every method from the engine's thread only, never two at once.
// Failure  Must not throw. A level beyond the last counts as the last, a key that is not a number
//          as the largest.
class SchedulingPolicy {
 public:
  virtual ~SchedulingPolicy() = default;
  // Called at arrival, whenever the last rank holds no longer, and after epoch() has changed.
  virtual SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) = 0;
  // The sequence has ended: by itself, or (`censored`) by a cancel or a fault, so that all that is
  // known of its length is that it would have been more.
  virtual void ended(const SequenceView& sequence, bool censored) {
    static_cast<void>(sequence);
    static_cast<void>(censored);
  }
  // Another number than last time means that all ranks should be asked for again; that is done a
  // few at a time, over the next steps.
  virtual uint64_t epoch(double now) {
    static_cast<void>(now);
    return 0;
  }
};

// Where an answer stands when a hook is asked.
struct LogitsContext {
  uint64_t request{};
  uint32_t choice{};
  std::span<const int32_t> tokens{};  // prompt and answer so far
  uint32_t prompt_tokens{};
};

// Changes the logits of a request before a token is chosen: a host's own sampler, guidance or
// filter.
//
// Threads  The engine's only; it holds up the step, so it must be quick.
// Failure  An exception ends this request with kInternal, and nobody else's.
class LogitsHook {
 public:
  virtual ~LogitsHook() = default;
  // `logits` has one entry for each token of the vocabulary. -infinity bans a token.
  virtual void adjust(const LogitsContext& context, std::span<float> logits) = 0;
};

// Says which tokens may come next in an answer: a grammar, a schema, a list of choices. It must be
// a function of the context, for an answer may be computed again, moved or verified in parts.
//
// Threads  The engine's only; it holds up the step, so it must be quick.
// Failure  An exception ends this request with kInternal, and nobody else's.
class TokenMask {
 public:
  virtual ~TokenMask() = default;
  // Sets the bits of the tokens that may come next, bit (id % 64) of word (id / 64); all are 0 at
  // the call. False: the answer is complete, and ends with kStop.
  virtual bool allow(const LogitsContext& context, std::span<uint64_t> mask) = 0;
};

// Hears when a Stream that was empty has something to read, so that one thread can serve a thousand
// streams: it tells that thread, which then calls try_next() until nothing comes.
//
// Threads  The engine's; at most one call at a time. It must not call the stream.
class Readiness {
 public:
  virtual ~Readiness() = default;
  // Once when the stream gets its first chunk or ends, and once more for each time after that a
  // try_next() had answered that nothing is there. Must be quick and not throw.
  virtual void ready(uint64_t request) noexcept = 0;
};

// What a prefix cache knows of a block that no running request uses.
struct CachedBlock {
  uint64_t age{};     // blocks that the cache took back into its order since this one, a clock
  uint32_t uses{};    // requests that found it, after the one that made it
  uint32_t depth{};   // blocks before it in its sequence
  uint32_t tokens{};  // that it holds; fewer than a whole block's at the end of a sequence
  bool continues{};   // the request that made it had found its beginning in the cache
  // Bits of the number of tokens that the last request which held it had put out: 0 for 0, 1 for 1,
  // 2 for 2 and 3, and so on. What is asked for one word is asked for more often than a chat.
  uint32_t answer_bits{};
  uint32_t group{};  // as group() answered when it was last used; 0 before that
};

// Decides which cached block goes when room is needed. The cache keeps its blocks in groups, each
// in the order of last use, and asks only for the oldest of each group: the cost of a decision does
// not grow with the cache. A block goes only when no longer sequence in the cache continues it.
//
// Owner    The host; it outlives the engine.
// Threads  The engine's, one call at a time. Must not throw.
class EvictionPolicy {
 public:
  static constexpr uint32_t kGroupsMax = 32;

  virtual ~EvictionPolicy() = default;
  // The group of a block that was just used (or made); below kGroupsMax. One group: least recently
  // used first.
  virtual uint32_t group(const CachedBlock& block) {
    static_cast<void>(block);
    return 0;
  }
  // The index of the one to go, of at most kGroupsMax candidates and at least one.
  virtual size_t choose(std::span<const CachedBlock> candidates) = 0;
  // A block was wanted by a request. `cached` is false when it had gone, as far as the cache
  // remembers: its age counts on, so that a policy can learn what it should have kept.
  virtual void wanted(const CachedBlock& block, bool cached) {
    static_cast<void>(block), static_cast<void>(cached);
  }
};

}  // namespace llmos
