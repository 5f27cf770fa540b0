// SPDX-License-Identifier: Apache-2.0
// Embedder: computes vectors on threads of its own, because Engine::embed() waits. Some threads
// suffice: they only keep that many texts in the engine's steps at once.
//
// Threads  submit(): any. The callback: one of the embedder's.
#pragma once

#include <llmos/engine.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api_request.h"
#include "http_text.h"
#include "tenant.h"

namespace server {

// One HTTP request for vectors.
struct EmbedTask {
  EmbeddingsRequest request{};
  Admission admission{};
  std::string model{};
  llmos::Millis deadline{};
  std::function<void(Response)> done{};
  std::atomic<bool> cancelled{false};

  // Written by the embedder.
  std::vector<std::vector<float>> vectors{};
  std::atomic<size_t> next{0};
  std::atomic<size_t> left{0};
  std::atomic<uint64_t> tokens{0};
  std::mutex failure_mutex{};
  std::optional<ApiError> failure{};  // guarded
};

class Embedder {
 public:
  static constexpr uint32_t kThreads = 8;
  static constexpr size_t kTasksMax = 256;

  explicit Embedder(llmos::Engine& engine);
  ~Embedder();  // what waits is answered with an error

  // False: too many wait.
  bool submit(std::shared_ptr<EmbedTask> task);

 private:
  void work();
  void embed(EmbedTask& task, size_t index);
  static void finish(EmbedTask& task);

  llmos::Engine& engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<EmbedTask>> tasks_;  // guarded
  bool stopping_ = false;                         // guarded
  std::vector<std::thread> threads_;              // guarded; made by the first task
};

}  // namespace server
