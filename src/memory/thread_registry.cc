// SPDX-License-Identifier: Apache-2.0
#include "memory/thread_registry.h"

#include <mutex>

#include "base/os_memory.h"
#include "memory/thread_cache.h"

namespace llmos {

__thread detail::ThreadPools detail::thread_pools{};

namespace memory::registry {
namespace {

struct ThreadRecord;

struct Registry {
  std::mutex mutex;
  CacheOwner* owners[detail::kCachedPools] = {};
  ThreadRecord* threads = nullptr;
};

// Never destroyed: threads and pools may outlive static destruction.
Registry& registry() {
  static Registry& instance = *new Registry;
  return instance;
}

// Set once the record below is gone; other thread-local destructors may still free blocks, and then
// must not make a new cache. Trivial, so it can be read at any time.
thread_local bool thread_ended = false;

// One per thread that has had a cache.
struct ThreadRecord {
  ThreadRecord() {
    std::lock_guard lock(registry().mutex);
    next = registry().threads;
    if (next) next->prev = this;
    registry().threads = this;
  }
  ~ThreadRecord() {
    std::lock_guard lock(registry().mutex);
    thread_ended = true;
    for (uint32_t slot = 0; slot < detail::kCachedPools; ++slot) {
      auto* const cache = static_cast<ThreadCache*>(pools->caches[slot]);
      pools->caches[slot] = nullptr;
      if (cache) registry().owners[slot]->retire(cache);
    }
    if (next) next->prev = prev;
    (prev ? prev->next : registry().threads) = next;
  }

  detail::ThreadPools* pools = &detail::thread_pools;  // of the thread that made the record
  ThreadRecord* prev = nullptr;
  ThreadRecord* next = nullptr;
};

}  // namespace

uint32_t claim_slot(CacheOwner* owner) {
  if (!os::process_barrier_available()) return detail::kCachedPools;
  std::lock_guard lock(registry().mutex);
  for (uint32_t slot = 0; slot < detail::kCachedPools; ++slot) {
    if (registry().owners[slot]) continue;
    registry().owners[slot] = owner;
    return slot;
  }
  return detail::kCachedPools;
}

void release_slot(uint32_t slot) {
  if (slot >= detail::kCachedPools) return;
  std::lock_guard lock(registry().mutex);
  for (ThreadRecord* thread = registry().threads; thread; thread = thread->next) {
    thread->pools->caches[slot] = nullptr;
  }
  registry().owners[slot] = nullptr;
}

ThreadCache* adopt(uint32_t slot, ThreadCache* (*make)(void* context), void* context) {
  if (slot >= detail::kCachedPools || thread_ended) return nullptr;
  detail::CacheBins*& entry = detail::thread_pools.caches[slot];
  if (entry) return static_cast<ThreadCache*>(entry);
  thread_local ThreadRecord record;
  (void)record;
  std::lock_guard lock(registry().mutex);
  entry = make(context);
  return static_cast<ThreadCache*>(entry);
}

}  // namespace memory::registry
}  // namespace llmos
