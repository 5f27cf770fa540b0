// SPDX-License-Identifier: Apache-2.0
#include "embedder.h"

#include <algorithm>
#include <utility>

#include "reply_text.h"

namespace server {
namespace {

void fail(EmbedTask& task, ApiError error) {
  const std::lock_guard lock(task.failure_mutex);
  if (!task.failure) task.failure = std::move(error);
  task.cancelled.store(true);
}

}  // namespace

Embedder::Embedder(llmos::Engine& engine) : engine_(engine) {}

Embedder::~Embedder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& task : tasks_) {
      ApiError error;
      error.http_status = 503;
      error.message = "the server is shutting down";
      fail(*task, std::move(error));
    }
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Embedder::submit(std::shared_ptr<EmbedTask> task) {
  const size_t inputs = task->request.inputs.size();
  task->vectors.resize(inputs);
  task->left.store(inputs);
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() >= kTasksMax) return false;
    while (threads_.size() < kThreads) threads_.emplace_back([this] { work(); });
    // One entry for each thread that may take part.
    for (size_t i = 0; i < std::min<size_t>(inputs, kThreads); ++i) tasks_.push_back(task);
  }
  wake_.notify_all();
  return true;
}

void Embedder::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const std::shared_ptr<EmbedTask> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    const size_t inputs = task->request.inputs.size();
    for (size_t i = task->next.fetch_add(1); i < inputs; i = task->next.fetch_add(1)) {
      embed(*task, i);
      if (task->left.fetch_sub(1) == 1) finish(*task);
    }
  }
}

void Embedder::embed(EmbedTask& task, size_t index) {
  if (task.cancelled.load()) return;
  llmos::EmbedRequest request;
  request.prompt = std::move(task.request.inputs[index]);
  request.deadline = task.deadline;
  if (const Tenant* tenant = task.admission.tenant()) {
    request.tenant = tenant->name();
    request.priority = tenant->limits().priority;
  }
  llmos::Result<llmos::Embedding> embedding = engine_.embed(std::move(request));
  if (!embedding.ok()) return fail(task, error_of(embedding.status()));
  task.vectors[index] = std::move(embedding->vector);
  task.tokens += embedding->usage.prompt_tokens;
}

void Embedder::finish(EmbedTask& task) {
  task.admission.add_tokens(task.tokens.load());
  task.admission = Admission();
  const std::lock_guard lock(task.failure_mutex);
  task.done(task.failure ? error_response(*task.failure)
                         : json_response(embeddings_text(task.vectors, task.request.base64,
                                                         task.model, task.tokens.load())));
}

}  // namespace server
