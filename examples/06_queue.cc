// SPDX-License-Identifier: Apache-2.0
// A bounded queue between threads that can be waited on, timed and closed, and that loses nothing:
// what was pushed is delivered, what was refused stays with its owner. No engine is needed.
#include <llmos/queue.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

namespace {

struct Job {
  int producer;
  int64_t number;
};

constexpr int kProducers = 2;
constexpr int64_t kJobsEach = 100'000;

// Jobs move in and out: a queue of unique_ptr costs no copy and leaks nothing.
using Jobs = llmos::MpscQueue<std::unique_ptr<Job>>;

void produce(Jobs& jobs, int producer) {
  for (int64_t i = 0; i < kJobsEach; ++i) {
    // push() waits while the queue is full; try_push() and push_for() answer false instead.
    if (!jobs.push(std::make_unique<Job>(Job{producer, i}))) return;  // closed: the job is ours
  }
}

}  // namespace

int main() {
  Jobs jobs(1024);
  int64_t sum = 0;
  std::thread consumer([&] {
    while (const auto job = jobs.pop()) sum += (*job)->number;  // until closed and empty
  });
  {
    std::vector<std::jthread> producers;
    for (int i = 0; i < kProducers; ++i) producers.emplace_back([&, i] { produce(jobs, i); });
  }
  jobs.close();  // what is queued is still delivered
  consumer.join();

  const llmos::QueueStats stats = jobs.stats();
  std::printf("delivered    %llu of %llu jobs, sum %lld\n", (unsigned long long)stats.popped,
              (unsigned long long)stats.pushed, (long long)sum);

  // Nothing comes to a full queue or from an empty one: both answer, now or after a timeout.
  llmos::MpmcQueue<int> small(2);
  small.try_push(1);
  small.try_push(2);
  std::printf("full         a third push is %s\n", small.try_push(3) ? "taken" : "refused");
  const std::vector<int> left = small.drain();  // closes, and hands over what is left
  std::printf("drained      %zu elements, then %s\n", left.size(),
              small.pop_for(std::chrono::milliseconds(1)) ? "more" : "the end");
  const bool ok = sum == kProducers * kJobsEach * (kJobsEach - 1) / 2 && left.size() == 2;
  return ok ? 0 : 1;
}
