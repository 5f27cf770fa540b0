// SPDX-License-Identifier: Apache-2.0
// Engine: one loaded model that serves any number of requests at once.
//
//   Engine engine = Engine::open("model.gguf").value();
//   Reply reply = engine.generate({.prompt = "Write a haiku about caches."}).value();
//
//   Stream stream = engine.submit({.prompt = "Once upon a time", .tokens_max = 100}).value();
//   while (std::optional<Chunk> chunk = stream.next()) std::cout << chunk->text << std::flush;
//   Result<Reply> whole = stream.wait();
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llmos/metrics.h"
#include "llmos/model.h"
#include "llmos/options.h"
#include "llmos/request.h"
#include "llmos/status.h"
#include "llmos/tokenizer.h"
#include "llmos/version.h"

namespace llmos {

// A request in flight. Move-only; destroying it cancels what still runs, and waits for that if the
// request has a hook or a readiness listener: no call of them comes after it.
//
// Threads  One reader at a time; cancel() from any thread.
// Reading  wait() returns the whole reply, whatever part of it next() has shown before. A stream
//          whose reader stops is parked: it takes no more part in steps until it is read again, and
//          others are not slowed by it.
class LLMOS_API Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  uint64_t id() const noexcept;
  // The next piece, of any choice; waits for it. Nothing at the end: wait() says which end.
  std::optional<Chunk> next();
  // The same, within `timeout`. Nothing also when the time has passed: ended() tells.
  std::optional<Chunk> next(Millis timeout);
  // The same without waiting.
  std::optional<Chunk> try_next();
  // Everything was read.
  bool ended() const noexcept;
  // Reads what is left, then the whole reply, or why there is none: kCancelled, kDeadline,
  // kExhausted, kInternal. Texts that were drawn before a failure are kept by next() only.
  Result<Reply> wait();
  // Idempotent; what was drawn until it takes effect can still be read.
  void cancel() noexcept;
  // Takes the request out of its engine, with all that it needs to go on with the same tokens:
  // Engine::resume(), here or in another process. This stream then ends as kCancelled; what it has
  // not shown yet the resumed one shows. Waits until the steps in flight are done. kInvalid: the
  // request had ended, and goes on to be read here; kExhausted: no memory.
  Result<std::vector<std::byte>> suspend();
  // The same into a file, which is replaced whole or not at all. Where that fails, a further call
  // of either has the request still.
  Status suspend_to(const std::string& path);

  struct Impl;  // src/api
  explicit Stream(std::unique_ptr<Impl> impl) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

// One amount of memory for several engines of a process. An engine that opens takes all that it
// will need, and gives it back when it goes; where cache.bytes is 0 it makes do with what is left,
// if that holds one sequence of the whole context. The host may count memory of its own, too.
//
// Threads  Any.
class LLMOS_API MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  uint64_t bytes_max() const noexcept { return bytes_max_; }
  uint64_t bytes_used() const noexcept { return bytes_used_.load(); }
  // False, and nothing taken, when not so much is left.
  [[nodiscard]] bool take(uint64_t bytes) noexcept;
  // What take() took.
  void give_back(uint64_t bytes) noexcept { bytes_used_.fetch_sub(bytes); }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_used_{0};
};

// A beginning of prompts, a system prompt say, that stays in the prefix cache of its engine while
// this lives, for requests of the same tenant. Move-only; it may outlive the engine.
class LLMOS_API PinnedPrefix {
 public:
  PinnedPrefix(PinnedPrefix&&) noexcept;
  PinnedPrefix& operator=(PinnedPrefix&&) noexcept;
  ~PinnedPrefix();

  // Of the prompt: the cache keeps whole blocks. Requests that begin with them compute only the
  // rest.
  uint32_t tokens() const noexcept;

  struct Impl;  // src/api
  explicit PinnedPrefix(std::unique_ptr<Impl> impl) noexcept;

 private:
  std::unique_ptr<Impl> impl_;
};

// Owner    It owns the model, its memory and its threads. Streams may outlive it: they end.
// Threads  Every method from any thread.
// Failure  Errors are values; a failing request never harms another.
class LLMOS_API Engine {
 public:
  // Failure: kNotFound, kCorrupt, kUnsupported, kInvalid (an option), kExhausted (memory).
  static Result<Engine> open(const std::string& model_path, const EngineOptions& options = {});
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();  // cancels what still runs, then joins

  // Checks the request, tokenises it on this thread and hands it over. Never blocks. kInvalid with
  // what is wrong; kExhausted when the queue is full; kDeadline when it could not end in time;
  // kCancelled after drain().
  Result<Stream> submit(Request request);
  // submit() and wait().
  Result<Reply> generate(Request request);
  // A text as a vector; waits for it. Computed in the same steps as generation.
  Result<Embedding> embed(EmbedRequest request);
  // Goes on with a request that Stream::suspend() took out, of this engine or of another one that
  // has the same model, type of keys and values, and kernel set (kInvalid where they differ). Its
  // reply is the whole one; next() shows what had not been shown. Its deadline counts from now.
  // kCorrupt: not an image, or a damaged one. The rest as submit().
  Result<Stream> resume(std::span<const std::byte> image, const Resumption& resumption = {});
  Result<Stream> resume_from(const std::string& path, const Resumption& resumption = {});
  // Computes the prompt if it is not known, and keeps it in the prefix cache, from which nothing
  // else evicts it. Of the request only prompt, tenant, priority, deadline and what makes tokens of
  // the prompt count; of a conversation give the beginning that all share. The memory is taken from
  // what sequences may use. kInvalid: the cache is off, or the prompt has no whole block;
  // kExhausted: what is left would not hold the longest request; the rest as submit().
  Result<PinnedPrefix> pin(Request request);
  // Accepts nothing more and waits until what runs has ended. kDeadline: some still runs.
  Status drain(Millis timeout);

  const ModelInfo& model() const noexcept;
  // Precondition: has_tokenizer().
  const Tokenizer& tokenizer() const noexcept;
  bool has_tokenizer() const noexcept;

  Metrics metrics() const;
  // What each block of the memory for keys and values is used for, by whom. Taken between two steps
  // for this call alone, which waits for it. kDeadline: the step took longer than `timeout`; what
  // was asked for then is what the next call gets. kCancelled: the engine has ended.
  Result<KvMap> kv_map(Millis timeout = Millis(1000)) const;
  // The same numbers as text for Prometheus (format 0.0.4).
  std::string metrics_text() const;

  struct Impl;  // src/api

 private:
  explicit Engine(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmos
