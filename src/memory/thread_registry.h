// SPDX-License-Identifier: Apache-2.0
// Which thread has a cache in which pool. The only state of the process that this module keeps: the
// inline fast path finds a cache through detail::thread_pools, a thread-local table indexed by the
// pool's slot, and both a dying thread and a dying pool must clear what the other would still find
// there.
//
// Threads  any. One lock, outermost in the order  registry > pool's cache list > cache > class >
// heap > records.
#pragma once

#include <cstdint>

#include "llmos/memory.h"

namespace llmos::memory {

class ThreadCache;

// What the registry needs of a pool.
class CacheOwner {
 public:
  // The calling thread ends: its cache's blocks go back. The registry's lock is held.
  virtual void retire(ThreadCache* cache) = 0;

 protected:
  ~CacheOwner() = default;
};

namespace registry {

// A slot for a new pool; kCachedPools when all are taken or the kernel has no membarrier: a pool
// without caches.
uint32_t claim_slot(CacheOwner* owner);
// Ends a pool: no thread finds a cache in `slot` afterwards. The caches themselves are the pool's.
void release_slot(uint32_t slot);

// Calls `make` (under the registry's lock) unless this thread has a cache in `slot` or is past its
// end, and publishes what it answers. The thread's cache, or nullptr.
ThreadCache* adopt(uint32_t slot, ThreadCache* (*make)(void* context), void* context);

}  // namespace registry
}  // namespace llmos::memory
