// SPDX-License-Identifier: Apache-2.0
#include "memory/thread_cache.h"

#include <algorithm>

#include "base/check.h"

namespace llmos::memory {

using detail::kClassEnd;
using detail::kClassFirst;

namespace {

void** const kClosedFloor = reinterpret_cast<void**>(UINTPTR_MAX);

// Plain stores by one thread that others read without a lock; relaxed unless said otherwise.
template <class T>
T peek(const T& field) {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}
template <class T>
void store(T& field, T value) {
  __atomic_store_n(&field, value, __ATOMIC_RELAXED);
}

}  // namespace

ThreadCache::ThreadCache(const CacheHost& host) : host_(host) {
  for (uint32_t c = 0; c < kClassEnd; ++c) {
    top[c] = &scratch_[1];
    floor[c] = kClosedFloor;
    limit[c] = nullptr;
    pops[c] = 0;
  }
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    sides_[c].rounds = uint8_t(host_.centrals[c].rounds_start());
    sides_[c].active_ms = host_.clock();
  }
}

// ---- Opening and closing ----

bool ThreadCache::close(uint32_t idle_since_ms) {
  bool any = false;
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    Side& side = sides_[c];
    if (side.closed || !side.loaded) continue;
    const uint64_t pops_now = pops_of(c);
    if (pops_now != side.pops_seen || side.used) side.active_ms = host_.clock();
    side.pops_seen = pops_now;
    side.used = false;
    if (side.active_ms > idle_since_ms || blocks(c) == 0) continue;
    store(floor[c], kClosedFloor);
    store(limit[c], static_cast<void**>(nullptr));
    side.closed = side.closing = any = true;
  }
  return any;
}

void ThreadCache::take_back() {
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    Side& side = sides_[c];
    if (!side.closing) continue;
    side.closing = false;
    // Acquire: pairs with the owner's release of top, so that the slots below it are visible.
    side.top_seen = __atomic_load_n(&top[c], __ATOMIC_ACQUIRE);
    void** const slots = side.loaded->slots;
    if (side.top_seen > slots) {
      host_.centrals[c].put(slots, uint32_t(side.top_seen - slots));
    }
    if (side.previous && side.previous->count > 0) {
      host_.centrals[c].put(side.previous->slots, side.previous->count);
      side.previous->count = 0;
    }
    set_rounds(c, host_.centrals[c].rounds_start());  // a bin that idled starts small again
  }
}

// By the owner: what the loaded magazine held is gone, start with it empty.
void ThreadCache::reopen(uint32_t c) {
  if (!sides_[c].closed) return;
  sides_[c].closed = false;
  store(top[c], &sides_[c].loaded->slots[0]);
  open(c);
}

void ThreadCache::set_rounds(uint32_t c, uint32_t rounds) {
  sides_[c].rounds = uint8_t(std::min(rounds, host_.centrals[c].rounds_max()));
}

void ThreadCache::open(uint32_t c) {
  void** const slots = sides_[c].loaded->slots;
  store(floor[c], slots);
  // A magazine from the depot may hold more than this bin would gather itself.
  const auto count = uint32_t(peek(top[c]) - slots);
  store(limit[c], slots + std::max<uint32_t>(sides_[c].rounds, count));
}

// Makes `magazine` the one that the bin pops from. The bin must have none.
bool ThreadCache::load(uint32_t c, Magazine* magazine) {
  if (!magazine) return false;
  sides_[c].loaded = magazine;
  store(top[c], &magazine->slots[magazine->count]);
  open(c);
  return true;
}

void ThreadCache::unload(uint32_t c) {
  Side& side = sides_[c];
  side.loaded->count = uint32_t(peek(top[c]) - side.loaded->slots);
  side.loaded = nullptr;
  store(top[c], &scratch_[1]);
  store(floor[c], kClosedFloor);
  store(limit[c], static_cast<void**>(nullptr));
}

// ---- Pop ----

// Precondition: the bin is open and not empty.
void* ThreadCache::pop_open(uint32_t c) {
  void** const at = peek(top[c]) - 1;
  __atomic_store_n(&top[c], at, __ATOMIC_RELEASE);
  return *at;
}

// Puts blocks into an empty bin: from the previous magazine, a full one of the depot, or the spans.
bool ThreadCache::refill(uint32_t c) {
  Side& side = sides_[c];
  side.used = true;
  Central& central = host_.centrals[c];
  if (!side.loaded && !load(c, central.new_magazine())) return false;
  if (side.previous && side.previous->count > 0) {
    Magazine* const full = side.previous;
    side.previous = side.loaded;
    unload(c);
    load(c, full);
    return true;
  }
  // A bin that comes here again and again should come less often.
  set_rounds(c, side.rounds * 2u);
  if (Magazine* const full = central.take_full()) {
    Magazine* const empty = side.loaded;
    unload(c);
    if (side.previous) {
      central.free_magazine(empty);
    } else {
      side.previous = empty;
    }
    load(c, full);
    return true;
  }
  // Half a magazine: leaves room for frees, and bounds what one allocation may cost.
  const uint32_t wanted = std::min(std::max(side.rounds / 2u, 1u), 32u);
  void** const slots = side.loaded->slots;
  const uint32_t taken = central.take(slots, wanted, true);
  store(top[c], slots + taken);
  open(c);
  return taken > 0;
}

void* ThreadCache::refill_and_pop(uint32_t c) {
  if (refill(c)) return pop_open(c);
  // No memory for a magazine, perhaps, yet a block may be left.
  void* block = nullptr;
  return host_.centrals[c].take(&block, 1, true) == 1 ? block : nullptr;
}

void* ThreadCache::pop_closed(uint32_t c, size_t bytes) {
  std::lock_guard lock(mutex_);
  const Side& side = sides_[c];
  if (side.closed) {
    // The top that the pop stored. If the closer saw it, or one below, the block above it was not
    // taken back.
    void** const at = peek(top[c]);
    void* const block = at >= side.loaded->slots && at >= side.top_seen ? *at : nullptr;
    reopen(c);
    if (block) {
      store(pops[c], peek(pops[c]) + 1);
      return block;
    }
  } else {
    store(top[c], peek(top[c]) + 1);  // undo the pop below the floor
  }
  host_.centrals[c].sample(bytes);
  return refill_and_pop(c);
}

void* ThreadCache::pop_again(uint32_t c) {
  std::lock_guard lock(mutex_);
  reopen(c);
  return refill_and_pop(c);
}

// ---- Push ----

// Frees at least one slot of a full bin, or gives it a magazine at all. May fail to: then the bin
// stays as it is.
void ThreadCache::make_room(uint32_t c) {
  Side& side = sides_[c];
  side.used = true;
  Central& central = host_.centrals[c];
  if (!side.loaded) {
    load(c, central.new_magazine());
    return;
  }
  const auto count = uint32_t(peek(top[c]) - side.loaded->slots);
  set_rounds(c, side.rounds * 2u);
  if (count < side.rounds) return open(c);
  Magazine* empty = side.previous;
  side.previous = nullptr;
  if (empty && empty->count > 0) {
    central.put_full(empty);
    empty = nullptr;
  }
  if (!empty) empty = central.new_magazine();
  Magazine* const full = side.loaded;
  unload(c);
  if (empty) {
    side.previous = full;
    load(c, empty);
  } else {  // no memory for another magazine: empty this one
    central.put(full->slots, full->count);
    full->count = 0;
    load(c, full);
  }
}

void ThreadCache::push_locked(uint32_t c, void* block) {
  const Side& side = sides_[c];
  if (!side.loaded || peek(top[c]) >= peek(limit[c])) make_room(c);
  if (!side.loaded) return host_.centrals[c].put(&block, 1);
  void** const at = peek(top[c]);
  *at = block;
  __atomic_store_n(&top[c], at + 1, __ATOMIC_RELEASE);
}

void ThreadCache::push_closed(uint32_t c) {
  std::lock_guard lock(mutex_);
  const Side& side = sides_[c];
  void** const at = peek(top[c]);  // as the push stored it
  void* const block = at[-1];
  if (side.closed) {
    const bool taken = at <= side.top_seen;
    reopen(c);
    if (taken) return;
  } else {
    store(top[c], at - 1);
  }
  push_locked(c, block);
}

void* ThreadCache::undo_push(uint32_t c) {
  std::lock_guard lock(mutex_);
  void** const at = peek(top[c]) - 1;
  store(top[c], at);
  return *at;
}

// ---- Reading ----

uint64_t ThreadCache::blocks(uint32_t c) const {
  const Side& side = sides_[c];
  uint64_t count = side.previous ? side.previous->count : 0;
  if (side.loaded && !side.closed) {
    const auto at_hand = peek(top[c]) - side.loaded->slots;
    count += at_hand > 0 ? uint64_t(at_hand) : 0;
  }
  return count;
}

uint64_t ThreadCache::pops_of(uint32_t c) const { return peek(pops[c]); }

void ThreadCache::dismantle() {
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    LLMOS_CHECK(blocks(c) == 0);
    for (Magazine* magazine : {sides_[c].loaded, sides_[c].previous}) {
      if (magazine) host_.centrals[c].free_magazine(magazine);
    }
    sides_[c].loaded = sides_[c].previous = nullptr;
  }
}

}  // namespace llmos::memory
