// SPDX-License-Identifier: Apache-2.0
// ThreadCache: the free blocks of one pool that one thread has at hand.
//
// The owner pops and pushes in its bins without locks or fences (the inline code in
// llmos/memory.h). Still any thread may take the blocks back, because a pool may refuse memory only
// when nothing is free anywhere. That works like this:
//
//   owner                               closer (holds the cache's mutex)
//     store top                           store floor = max and limit = 0 in every bin
//     load floor (pop) or limit (push)    os::process_barrier(): a full fence inside every running
//     thread outside the bounds: slow path       load top, take the blocks below it
//
// The barrier falls, in the owner's program order, either before its store of top, then the owner's
// load behind it sees the closed bin and the owner goes to the slow path, where it waits for the
// mutex; or behind the store, then the closer sees the new top. Both at once is possible and
// handled: the slow path compares the top it stored with the top that the closer saw. A closer
// never writes top or slots, so the owner's stores cannot be lost; the owner reopens its bins
// itself, under the mutex.
//
// Where the kernel has no membarrier, threads get no cache, and every call takes the class's lock
// instead.
//
// Invariants:
//   (1) only the owner writes top[], pops[] and slots; only the holder of the mutex
//   writes the rest (2) a closed bin refuses every push and pop (3) a bin without magazine has top
//   == &scratch[1] and refuses too, but is not called closed (4) the blocks at hand are slots[0,
//   top) of loaded magazines, none of closed bins, and slots[0, count) of the
//       previous ones
#pragma once

#include <mutex>

#include "memory/central.h"

namespace llmos::memory {

// What a pool offers its caches.
struct CacheHost {
  Central* centrals;  // indexed by class id
  Clock clock;
};

class ThreadCache : public detail::CacheBins {
 public:
  explicit ThreadCache(const CacheHost& host);

  // ---- Owner's slow paths; the mutex is taken inside. ----
  // Behind a refused pop. nullptr: nothing to be had without taking memory back from elsewhere.
  void* pop_closed(uint32_t size_class, size_t bytes);
  // The same once more, with no pop before it.
  void* pop_again(uint32_t size_class);
  // Behind a refused push.
  void push_closed(uint32_t size_class);
  // Behind a push to a class that has no bin (kClassNone, kClassLarge): takes the block out again.
  void* undo_push(uint32_t size_class);

  // ---- Any thread, holding mutex(). ----
  std::mutex& mutex() { return mutex_; }
  // Closes the bins that nobody popped from since `idle_since_ms` (UINT32_MAX: all); must be
  // followed, under the same hold of the mutex, by os::process_barrier() and take_back(). False:
  // there is nothing to take back.
  bool close(uint32_t idle_since_ms);
  // The blocks of the bins just closed return to their spans.
  void take_back();
  uint64_t blocks(uint32_t size_class) const;  // at hand; approximate while the owner runs
  uint64_t pops_of(uint32_t size_class) const;
  // Frees the magazines. The cache must be closed and empty; it is not used again.
  void dismantle();

  ThreadCache* next = nullptr;  // in the pool's list, under the pool's lock

 private:
  struct Side {
    Magazine* loaded;
    Magazine* previous;
    void** top_seen;     // by the closer; valid while closed
    uint64_t pops_seen;  // at the closer's last look
    uint32_t active_ms;  // when that look found new pops
    uint8_t rounds;      // how many blocks a magazine of this bin takes now
    bool used;           // by a slow path since the closer's last look
    bool closed;
    bool closing;  // between close() and take_back()
  };

  void reopen(uint32_t size_class);
  void open(uint32_t size_class);
  void unload(uint32_t size_class);
  bool load(uint32_t size_class, Magazine* magazine);
  bool refill(uint32_t size_class);
  void make_room(uint32_t size_class);
  void* pop_open(uint32_t size_class);
  void* refill_and_pop(uint32_t size_class);
  void push_locked(uint32_t size_class, void* block);
  void set_rounds(uint32_t size_class, uint32_t rounds);

  CacheHost host_;
  std::mutex mutex_;
  void* scratch_[2] = {};
  Side sides_[detail::kClassEnd] = {};
};

}  // namespace llmos::memory
