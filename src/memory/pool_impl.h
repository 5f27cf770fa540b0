// SPDX-License-Identifier: Apache-2.0
// The inside of a Pool. pool.cc has the calls of llmos/memory.h, pool_impl.cc allocation,
// pool_upkeep.cc what gives memory back and looks ahead, pool_stats.cc what counts and checks.
//
// Locks, outermost first: registry > caches_mutex > ThreadCache::mutex > Central > PageHeap >
// Records. Of two locks of one rank, several ThreadCache mutexes may be held together by who holds
// caches_mutex.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "memory/central.h"
#include "memory/demand.h"
#include "memory/thread_cache.h"
#include "memory/thread_registry.h"

namespace llmos {

// Caches that are closed behind one barrier. Thread sanitizer tracks 64 locks held at once.
inline constexpr uint32_t kCloseBatch = 32;

struct Pool::Impl final : memory::CacheOwner {
  Impl(PoolOptions given, std::unique_ptr<Backing> owned, Backing& from, uint64_t bytes_max);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // ---- Allocation (pool_impl.cc) ----
  void* allocate(size_t bytes);  // for a thread without cache
  void* allocate_again(memory::ThreadCache* cache,
                       uint32_t size_class);  // after a cache came up empty
  void* allocate_large(size_t bytes, size_t alignment);
  void deallocate(void* block);  // for a thread without cache, and for what no bin takes
  memory::ThreadCache* this_threads_cache();
  void retire(memory::ThreadCache* cache) override;
  // What a wrong pointer was, in a fatal message.
  [[noreturn]] void fault(const char* call, const void* block, const char* what) const;

  // ---- Upkeep (pool_upkeep.cc) ----
  // Empties every cache, depot and empty span into the heap, where the next allocation finds them.
  void reclaim();
  // Takes back what idled in the caches' bins since `idle_since_ms`; UINT32_MAX: all of it.
  void take_back_caches(uint32_t idle_since_ms);
  size_t collect(size_t bytes, std::chrono::milliseconds age);
  Status prewarm(size_t bytes, size_t count);
  size_t prepare_blocks(size_t bytes, size_t count);  // the number that is ready then
  size_t prepare_large(size_t bytes, size_t count);
  void maintain();
  std::array<uint64_t, detail::kClassEnd> blocks_at_hand() const;  // per class, in caches
  void start_background();
  void stop_background();

  // ---- Counting (pool_stats.cc) ----
  struct Parts {
    memory::PageHeap::Totals pages{};
    std::array<memory::Central::Totals, detail::kClassEnd> classes{};
    uint64_t record_bytes = 0;
    uint64_t resident_bytes = 0;
    bool operator==(const Parts&) const = default;
  };
  bool read_parts(Parts& parts) const;  // true: they agree with one another
  PoolStats stats() const;
  PoolStats stats_of(const Parts& parts) const;
  void check_integrity();

  uint32_t now_ms() const;
  memory::Clock clock() const;

  const PoolOptions options;
  const std::unique_ptr<Backing> owned_backing;
  Backing& backing;
  const bool checked;
  const bool touchable;  // the CPU may write this memory
  const std::chrono::nanoseconds started;

  memory::Budget budget;
  memory::Records records;
  memory::PageHeap heap;
  std::array<memory::Central, detail::kClassEnd> centrals;
  uint32_t slot;

  mutable std::mutex caches_mutex;
  memory::ThreadCache* caches = nullptr;
  std::array<uint64_t, detail::kClassEnd> retired_pops{};  // of caches that are gone
  std::atomic<uint64_t> reclaims{0};

  std::mutex upkeep_mutex;  // outside of all others but the registry; one maintain() at a time
  memory::Demand demand;

  std::thread background;
  std::mutex background_mutex;
  std::condition_variable background_wake;
  bool background_stop = false;

  class Resource final : public std::pmr::memory_resource {
   public:
    explicit Resource(Impl& impl) : impl_(impl) {}
    Pool* pool = nullptr;

   private:
    void* do_allocate(size_t bytes, size_t alignment) override;
    void do_deallocate(void* block, size_t bytes, size_t alignment) override;
    bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
    Impl& impl_;
  };
  Resource resource{*this};
};

}  // namespace llmos
