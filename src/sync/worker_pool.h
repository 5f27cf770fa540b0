// SPDX-License-Identifier: Apache-2.0
// WorkerPool: a persistent team of threads that runs one function on all members at once, for
// kernels.
//
//   auto pool = WorkerPool::create({.members = 4}).value();
//   pool->run([&](int rank, int size) {
//     phase_one(rank, size);
//     pool->barrier(rank);                    // all have finished phase one
//     phase_two(rank, size);
//   });
//
// Words       A *member* has a rank. Rank 0 is the thread that calls run(); the others are the
// pool's. Threads     One run at a time, from any thread; barrier() from the members of the run in
// progress.
//             Several pools may exist and run side by side.
// Nesting     A run inside a run of the same pool, and two runs at once, are programmer errors:
// CHECKed.
//             A member may run another pool.
// Exceptions  A member whose function throws takes no part in the barriers that follow, so the
//             others go on; run() rethrows the first exception once all members have finished.
// Waiting     Spins for at most kSpinsMost pauses, then parks; a member whose waits end in parking
//             spins ever less (SpinBudget). A team larger than the CPUs it may use parks almost at
//             once.
// Cost        run() allocates nothing. Warm, two members: see bench/sync_bench (WorkerPool_*).
//
// Invariants
//   (1) unfinished_ == pool threads that have not returned from this run's function
//   (2) to_arrive_ == members that have not arrived at the current barrier; it is 0 only between
//       the last arrival and the re-arming by that member, when all others wait
//   (3) active_ == members of this run that have not thrown
//   (4) kernel_ and error_ are written while no pool thread runs, or by the one member that won
//   failed_
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "llmos/status.h"
#include "sync/function_ref.h"
#include "sync/turnstile.h"

namespace llmos {

struct WorkerPoolOptions {
  // Members, the caller of run() included; 0: one per CPU that this process may use.
  int members = 0;
  // Where to pin: member r, r >= 1, to cpus[r]. Empty: the scheduler decides. cpus[0] is where the
  // caller is expected to be; the pool never moves a thread that is not its own.
  std::vector<int> cpus{};
  // The threads' name in tools, cut to what the system shows (15 characters with the rank).
  std::string name = "llmos";
};

class WorkerPool {
 public:
  using Kernel = FunctionRef<void(int rank, int size)>;

  // Beyond any machine's CPUs; a larger number is a mistake of units.
  static constexpr int kMembersMax = 1024;
  // 1,000 pauses are 22 us (Zen) to 45 us (Skylake): several times the parking and waking that they
  // avoid, for the gaps of a decode step (a few us between kernels) must never park.
  static constexpr int kSpinsMost = 1000;
  // 32 pauses, 1 us: what a hand-over between two running threads takes, with room to spare.
  static constexpr int kSpinsLeast = 32;
  // In a run of a team larger than its CPUs the one waited for is often ready and without a CPU: a
  // switch to it (1 us) beats parking and waking (four members on two CPUs: a barrier 20 us
  // without, 3.5 us with). Nowhere else: a thread that yields renounces its time slice, and beside
  // a busy process a run of two members took 63 us instead of 0.3 us.
  static constexpr int kYieldsCrowded = 16;

  // kInvalid: members or cpus out of range; kDenied: a CPU that this process may not use;
  // kExhausted: the system has no more threads.
  static Result<std::unique_ptr<WorkerPool>> create(const WorkerPoolOptions& options);
  ~WorkerPool();  // joins; no run may be in progress

  int size() const noexcept { return size_; }

  // Calls kernel(rank, size()) on every member and returns when all are done. What the caller did
  // before is visible to all members, what they did is visible to the caller after.
  void run(Kernel kernel);

  // In a run: returns when every member that has not thrown is here. Everything before it, on any
  // member, is visible to everything after it. A member that returned without coming here while
  // others wait blocks them: every member passes the same barriers.
  void barrier(int rank) noexcept;

 private:
  struct alignas(detail::kCacheLineBytes) Member {
    detail::SpinBudget
        between_runs;  // does not shrink: an idle pool says nothing about the next run
    detail::SpinBudget in_run;
  };

  WorkerPool(int size, const std::string& name);
  Status start(const WorkerPoolOptions& options);
  void serve(int rank) noexcept;
  void execute(int rank) noexcept;
  void arrive_last() noexcept;
  void withdraw() noexcept;

  const int size_;
  const std::string name_;
  std::vector<Member> members_;
  std::vector<std::thread> threads_;
  std::atomic<bool> running_{false};

  // Written by the caller of run() between runs.
  std::optional<Kernel> kernel_;
  bool stopping_ = false;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;

  detail::Turnstile start_;
  detail::Turnstile done_;
  detail::Turnstile phase_;
  alignas(detail::kCacheLineBytes) std::atomic<int> unfinished_{0};
  alignas(detail::kCacheLineBytes) std::atomic<int> to_arrive_{0};
  std::atomic<int> active_{0};
};

}  // namespace llmos
