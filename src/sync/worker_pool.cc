// SPDX-License-Identifier: Apache-2.0
#include "sync/worker_pool.h"

#include <pthread.h>

#include <system_error>

#include "base/check.h"
#include "base/os_cpu.h"

namespace llmos {

Result<std::unique_ptr<WorkerPool>> WorkerPool::create(const WorkerPoolOptions& options) {
  const int size = options.members == 0 ? os::usable_cpu_count() : options.members;
  if (size < 1 || size > kMembersMax)
    return Status(Code::kInvalid, (Text() << "worker pool: expected 1 to " << kMembersMax
                                          << " members, found " << size)
                                      .str());
  if (!options.cpus.empty() && options.cpus.size() < size_t(size))
    return Status(Code::kInvalid, (Text() << "worker pool: expected a CPU for each of " << size
                                          << " members, found " << options.cpus.size())
                                      .str());
  std::unique_ptr<WorkerPool> pool(new WorkerPool(size, options.name));
  Status status = pool->start(options);
  if (!status.ok()) return status;
  return pool;
}

WorkerPool::WorkerPool(int size, const std::string& name)
    : size_(size), name_(name), members_(size_t(size)) {
  const bool crowded = size > os::usable_cpu_count();
  const int most = crowded ? kSpinsLeast : kSpinsMost;
  const int yields = crowded ? kYieldsCrowded : 0;
  for (Member& member : members_) {
    member.between_runs = {.least = most, .most = most, .now = most, .yields = 0};
    member.in_run = {.least = kSpinsLeast, .most = most, .now = most, .yields = yields};
  }
}

Status WorkerPool::start(const WorkerPoolOptions& options) {
  threads_.reserve(size_t(size_ - 1));
  for (int rank = 1; rank < size_; ++rank) {
    try {
      threads_.emplace_back([this, rank] { serve(rank); });
    } catch (const std::system_error& error) {
      return Status(Code::kExhausted, (Text() << "worker pool: the system refused thread " << rank
                                              << " of " << size_ << ": " << error.what())
                                          .str());
    }
    std::thread& thread = threads_.back();
    const std::string suffix = std::to_string(rank);
    const std::string name = name_.substr(0, 15 - suffix.size()) + suffix;
    pthread_setname_np(thread.native_handle(), name.c_str());
    if (options.cpus.empty()) continue;
    if (Status pinned = os::pin_thread(thread.native_handle(), options.cpus[size_t(rank)]);
        !pinned.ok())
      return Status(pinned.code(),
                    (Text() << "worker pool: member " << rank << ": " << pinned.message()).str());
  }
  return {};
}

WorkerPool::~WorkerPool() {
  LLMOS_CHECK(!running_.load(std::memory_order_acquire)) << "WorkerPool destroyed during a run";
  stopping_ = true;
  start_.advance();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::serve(int rank) noexcept {
  for (uint32_t generation = 0;; generation += 2) {
    start_.wait(generation, members_[size_t(rank)].between_runs);
    if (stopping_) return;
    execute(rank);
    // acq_rel: the last one to finish passes on what all of them did.
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) done_.advance();
  }
}

void WorkerPool::run(Kernel kernel) {
  LLMOS_CHECK(!running_.exchange(true, std::memory_order_acquire))
      << "WorkerPool::run during another run of the same pool (nested, or from a second thread)";
  kernel_ = kernel;
  // Relaxed, all three: start_ publishes them.
  active_.store(size_, std::memory_order_relaxed);
  to_arrive_.store(size_, std::memory_order_relaxed);
  unfinished_.store(size_ - 1, std::memory_order_relaxed);
  const uint32_t generation = done_.generation();
  if (size_ > 1) start_.advance();
  execute(0);
  if (size_ > 1) done_.wait(generation, members_[0].in_run);

  std::exception_ptr error;
  if (failed_.load(std::memory_order_relaxed)) {
    error = std::exchange(error_, nullptr);
    failed_.store(false, std::memory_order_relaxed);
  }
  running_.store(false, std::memory_order_release);
  if (error) std::rethrow_exception(error);
}

void WorkerPool::execute(int rank) noexcept {
  try {
    (*kernel_)(rank, size_);
  } catch (...) {
    // Relaxed: it only chooses the one who writes error_; done_ carries that to the caller.
    if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
    withdraw();
  }
}

void WorkerPool::barrier(int rank) noexcept {
  const uint32_t generation = phase_.generation();  // cannot pass before this member has arrived
  // acq_rel: the last one to arrive has seen what all did before, and advance() passes it on.
  if (to_arrive_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    arrive_last();
  } else {
    phase_.wait(generation, members_[size_t(rank)].in_run);
  }
}

void WorkerPool::arrive_last() noexcept {
  // Relaxed: whoever lowered active_ arrived after that, and nobody else is outside the barrier.
  to_arrive_.store(active_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  phase_.advance();
}

void WorkerPool::withdraw() noexcept {
  active_.fetch_sub(1, std::memory_order_relaxed);  // before arriving, so the re-arming sees it
  if (to_arrive_.fetch_sub(1, std::memory_order_acq_rel) == 1) arrive_last();
}

}  // namespace llmos
