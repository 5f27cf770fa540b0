// SPDX-License-Identifier: Apache-2.0
// A CUDA block on the CPU: a fiber for each of its threads, all on one OS thread, and what the
// threads of a block have between them: barriers, a warp's exchange, shared memory.
//
// Order     A fiber runs until it must wait. With seed 0 the lowest warp that can run does, and in
//           it the lowest thread; so one warp runs as far ahead of the others as the barriers let
//           it. Another seed draws the order, and changes warps at any exchange.
// Shared    Memory is made for each block anew and filled with NaN: what is read before it was
//           written shows. Every variable is an allocation of its own, so that AddressSanitizer
//           sees an index that leaves it.
// Copies    cp.async moves nothing before the wait that covers it (seed 0), or some of it at once
//           (other seeds): so both a missing wait and a missing barrier before the copy show.
// Faults    A barrier that part of the block reaches at another place, an exchange that part of
//           the named lanes joins, threads that wait for ever: the launch ends with a text that
//           says which threads wait where. Not found: too weak fences, bank conflicts, speed.
// Threads   Blocks of a launch may run on several OS threads. A Block belongs to one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/emu/fiber.h"

namespace llmos::kernels::emu {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kBlockThreadsMax = 1024;
inline constexpr unsigned kNamedBarriers = 16;

struct Dim {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr unsigned count() const { return x * y * z; }
};

// Where in a kernel, for faults.
struct Site {
  const char* file = "";
  int line = 0;
  bool operator==(const Site&) const = default;
};

// What a lane gives to, and gets from, an exchange of its warp.
struct LaneSlots {
  alignas(16) std::array<std::byte, 64> in[kWarp];
  alignas(16) std::array<std::byte, 64> out[kWarp];
};

class Block {
 public:
  Block(Dim grid, Dim block, size_t dynamic_bytes, uint64_t seed);

  // Runs the kernel as every thread of block `index`. What is wrong, or empty.
  std::string run(Dim index, const std::function<void()>& kernel);

  // The block that runs on this OS thread, and its thread that runs.
  static Block& current();

  Dim thread_index() const { return threads_[running_].index; }
  Dim block_index() const { return index_; }
  Dim block_dim() const { return block_; }
  Dim grid_dim() const { return grid_; }
  unsigned lane() const { return running_ % kWarp; }

  // --- for the running thread
  void barrier(unsigned id, unsigned thread_count, Site site);  // count 0: all that have not ended
  // Waits for the lanes of `mask`; the last of them calls work(slots, mask) for all, then each
  // goes on. `kind` names what is done: all must do the same.
  using WarpWork = void (*)(LaneSlots& slots, unsigned mask);
  void exchange(unsigned mask, const char* kind, WarpWork work);
  std::byte* lane_in() { return slots_[running_ / kWarp].in[lane()].data(); }
  const std::byte* lane_out() { return slots_[running_ / kWarp].out[lane()].data(); }

  std::byte* dynamic_shared() { return dynamic_.get(); }
  std::byte* static_shared(const void* key, size_t bytes);

  void copy_async(void* to, const void* from, size_t bytes, size_t zeros);
  void copy_commit();
  void copy_wait(unsigned groups_left);

  // Lets other OS threads run, in a loop that waits for one of them. A fault when it lasts.
  void spin();
  // Ends the launch with this text; does not come back.
  void fault(std::string text);

 private:
  enum class State : uint8_t { kReady, kBarrier, kExchange, kEnded };
  struct PendingCopy {
    void* to;
    const void* from;
    size_t bytes, zeros;
    unsigned group;
  };
  struct Thread {
    Fiber fiber;
    Dim index;
    State state = State::kReady;
    unsigned barrier = 0;
    Site site;
    unsigned mask = 0;
    const char* kind = "";
    unsigned group = 0;  // of cp.async that is open
    std::vector<PendingCopy> copies;
  };
  struct Barrier {
    unsigned arrived = 0;
    unsigned expected = 0;
  };
  struct Shared {
    const void* key;
    std::unique_ptr<std::byte[]> bytes;
  };

  static void thread_main(void* block);
  bool pick();
  void release_barrier(unsigned id);
  void try_barriers();
  void wait(State state);
  void set_ready(unsigned thread);
  uint64_t draw();
  std::string where_all_wait() const;

  const Dim grid_, block_;
  const size_t dynamic_bytes_;
  uint64_t seed_, random_;
  Dim index_;
  const std::function<void()>* kernel_ = nullptr;
  FiberStacks& stacks_;  // this OS thread's
  std::vector<Thread> threads_;
  std::vector<uint32_t> ready_;    // [warps]: lanes that can run
  std::vector<uint32_t> meeting_;  // [warps]: lanes that wait in an exchange
  std::vector<LaneSlots> slots_;
  std::array<Barrier, kNamedBarriers> barriers_{};
  std::unique_ptr<std::byte[]> dynamic_;
  std::vector<Shared> shared_;
  unsigned running_ = 0;
  unsigned alive_ = 0;
  uint64_t spins_ = 0;
  std::string fault_;
};

// How launches run in this process. Set between launches.
struct Order {
  uint64_t seed = 0;
  unsigned os_threads = 1;  // blocks in flight
  // Gets the fault of a launch. By default it is a failed check.
  std::function<void(const std::string&)> on_fault{};
};
Order& order();

// Runs the kernel for the whole grid; returns when it has run.
void launch(Dim grid, Dim block, size_t dynamic_bytes, const std::function<void()>& kernel);

}  // namespace llmos::kernels::emu
