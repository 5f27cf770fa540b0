// SPDX-License-Identifier: Apache-2.0
// Interfaces that a host program may implement. Each is one to three virtuals; the host owns its
// objects and keeps them alive while they are installed.
#pragma once

#include <cstddef>
#include <cstdint>
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

// What a prefix cache knows of a block that no running request uses.
struct CachedBlock {
  uint64_t age{};     // blocks that the cache took back into its order since this one, a clock
  uint32_t uses{};    // requests that found it, after the one that made it
  uint32_t depth{};   // blocks before it in its sequence
  uint32_t tokens{};  // that it holds; fewer than a whole block's at the end of a sequence
  bool continues{};   // the request that made it had found its beginning in the cache
  uint32_t group{};   // as group() answered when it was last used; 0 before that
};

// Decides which cached block goes when room is needed. The cache keeps its blocks in groups, each
// in the order of last use, and asks only for the oldest of each group: the cost of a decision does
// not grow with the cache. A block goes only when no longer sequence in the cache continues it.
//
// Owner    The host; it outlives the engine.
// Threads  The engine's, one call at a time. Must not throw.
class EvictionPolicy {
 public:
  static constexpr uint32_t kGroupsMax = 16;

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
