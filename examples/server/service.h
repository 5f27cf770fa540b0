// SPDX-License-Identifier: Apache-2.0
// Service: what each call does. It knows HTTP as text and the engine, and no sockets.
//
// Threads  Any; `bell` belongs to the thread that asks.
#pragma once

#include <llmos/engine.h>

#include <atomic>
#include <memory>
#include <string>
#include <variant>

#include "embedder.h"
#include "generation.h"
#include "http_text.h"
#include "key_ring.h"
#include "routes.h"
#include "server.h"
#include "stats.h"

namespace server {

// A request whose head was found good.
struct Pass {
  Route route{};
  Tenant* tenant = nullptr;
};

// At once, as the engine goes, or when the embedder is done: task->done is to be set and
// embed() called.
using Answer = std::variant<Response, std::unique_ptr<Generation>, std::shared_ptr<EmbedTask>>;

class Service {
 public:
  Service(llmos::Engine& engine, const ServerOptions& options, KeyRing keys)
      : engine_(engine), options_(options), keys_(std::move(keys)), embedder_(engine) {}

  // From the head alone, before the body is taken: the path, the key, the page it came from.
  OrError<Pass> admit(const HttpRequest& head) const;
  Answer answer(const HttpRequest& request, const Pass& pass, llmos::Readiness& bell);
  // False: too many wait.
  bool embed(std::shared_ptr<EmbedTask> task) { return embedder_.submit(std::move(task)); }

  // The I/O threads call it now and then.
  void sample(Clock::time_point now);

  ServerMeters& meters() { return meters_; }
  void set_draining() { draining_.store(true); }
  bool draining() const { return draining_.load(); }
  // Generations and embeddings that have not ended.
  std::atomic<int64_t>& running() { return running_; }

 private:
  Response models() const;
  Response model(const std::string& id) const;
  Response ready() const;
  Response stats() const;
  Response tokenize(const std::string& body) const;
  Answer generate(OrError<GenerateRequest> request, const Pass& pass, llmos::Readiness& bell);
  Answer embeddings(OrError<EmbeddingsRequest> request, const Pass& pass);
  // An error when `model` is another one.
  OrError<std::monostate> check_model(const std::string& model) const;
  OrError<std::monostate> check_work(const std::string& model) const;

  llmos::Engine& engine_;
  const ServerOptions options_;
  const KeyRing keys_;
  const Clock::time_point started_ = Clock::now();
  const int64_t created_ = std::chrono::duration_cast<std::chrono::seconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  ServerMeters meters_;
  Throughput throughput_;
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> running_{0};
  Embedder embedder_;
};

}  // namespace server
