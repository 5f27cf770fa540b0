// SPDX-License-Identifier: Apache-2.0
// Objects of one type in chunks from a pool, named by handles that notice when their object is
// gone.
//
//   Slab<Request> requests(*pool, 10'000);
//   Slab<Request>::Handle handle = requests.insert(prompt);
//   if (Request* request = requests.get(handle)) ...   // nullptr once erased, whatever came after
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "llmos/memory.h"

namespace llmos {

// Words    A *slot* is the place of one object. Its *generation* is odd while the slot is live and
//          even while it is free, and grows by one with each insert and erase; a handle carries the
//          generation of its object. A slot whose generation can grow no further is *retired*:
//          never used again, so that no two objects ever share a handle.
// Owner    The slab owns its objects, and its chunks, which go back to the pool with the slab. The
//          pool must outlive it. Objects do not move.
// Threads  one at a time.
// Failure  insert answers an invalid handle when `count_max` objects are live, when every slot was
//          retired, or when the pool has no memory. Any handle whatever may be given to get and
//          erase: a wrong one is answered by nullptr or false. What T's constructor throws passes
//          through and leaves the slab as it was.
//
// Invariants, all checked by check_integrity():
//   (1) made slots = live + free + retired; made slots <= count_max
//   (2) a slot is live exactly when its generation is odd
//   (3) the free list holds each slot that is free and not retired, once
template <class T, uint32_t kGenerationMax = UINT32_MAX>
class Slab {
  static_assert(kGenerationMax % 2 == 1, "the last generation must be a live one");
  static constexpr uint32_t kNoSlot = UINT32_MAX;

  struct Slot {
    uint32_t generation = 0;
    uint32_t next_free = kNoSlot;
    alignas(T) std::byte place[sizeof(T)];

    bool live() const { return generation % 2 == 1; }
    T* object() { return std::launder(reinterpret_cast<T*>(place)); }
    const T* object() const { return std::launder(reinterpret_cast<const T*>(place)); }
  };

 public:
  // Invalid until assigned. A value: copy it, compare it, keep it beyond the slab's life.
  struct Handle {
    uint32_t index = 0;
    uint32_t generation = 0;  // 0: names nothing

    explicit operator bool() const { return generation != 0; }
    friend bool operator==(const Handle&, const Handle&) = default;
  };

  // A power of two, so that an index splits by shifting; chunks of about one page of the pool, but
  // of at least 8 objects, so that the chunk's own cost stays small beside them.
  static constexpr uint32_t kSlotsPerChunk =
      std::bit_floor(std::clamp<uint32_t>(Backing::kUnitBytes / sizeof(Slot), 8, 1024));

  // Takes no memory before the first insert.
  Slab(Pool& pool, uint32_t count_max) : pool_(&pool), count_max_(std::min(count_max, kNoSlot)) {}
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // O(1), but for the first object of a chunk, which makes its slots.
  template <class... Args>
  Handle insert(Args&&... args);
  T* get(Handle handle) { return const_cast<T*>(std::as_const(*this).get(handle)); }
  const T* get(Handle handle) const {
    const Slot* slot = find(handle);
    return slot ? slot->object() : nullptr;
  }
  // Destroys the object; false when the handle is stale.
  bool erase(Handle handle);
  void clear();  // erases all objects; keeps the chunks

  // Calls visit(Handle, T&) for each live object, in slot order. `visit` may erase any object; one
  // that it inserts may or may not be visited.
  template <class Visit>
  void for_each(Visit visit);

  uint32_t size() const { return live_; }
  bool empty() const { return live_ == 0; }
  uint32_t count_max() const { return count_max_; }
  uint32_t retired() const { return retired_; }
  size_t held_bytes() const;     // taken from the pool
  void check_integrity() const;  // O(slots)

 private:
  Slot& slot(uint32_t index) const {
    return chunks_[index / kSlotsPerChunk][index % kSlotsPerChunk];
  }
  const Slot* find(Handle handle) const;
  void free_slot(uint32_t index);
  uint32_t chunk_count_max() const {
    return uint32_t((uint64_t{count_max_} + kSlotsPerChunk - 1) / kSlotsPerChunk);
  }
  uint32_t chunk_slots(uint32_t chunk) const {
    return std::min(kSlotsPerChunk, count_max_ - chunk * kSlotsPerChunk);
  }
  bool grow();

  Pool* pool_;
  uint32_t count_max_;
  Slot** chunks_ = nullptr;  // chunk_count_max() entries, of which chunk_count_ are used
  uint32_t chunk_count_ = 0;
  uint32_t made_ = 0;              // slots in all chunks
  uint32_t first_free_ = kNoSlot;  // a stack: the slot freed last is the warmest
  uint32_t live_ = 0, retired_ = 0;
};

template <class T, uint32_t kGenerationMax>
Slab<T, kGenerationMax>::~Slab() {
  clear();
  for (uint32_t c = 0; c < chunk_count_; ++c) pool_->deallocate(chunks_[c]);
  pool_->deallocate(chunks_);
}

template <class T, uint32_t kGenerationMax>
template <class... Args>
auto Slab<T, kGenerationMax>::insert(Args&&... args) -> Handle {
  if (first_free_ == kNoSlot && !grow()) return {};
  const uint32_t index = first_free_;
  Slot& taken = slot(index);
  first_free_ = taken.next_free;  // before the constructor, which may insert too
  try {
    new (taken.place) T(std::forward<Args>(args)...);
  } catch (...) {
    taken.next_free = std::exchange(first_free_, index);
    throw;
  }
  ++taken.generation;
  ++live_;
  return {index, taken.generation};
}

template <class T, uint32_t kGenerationMax>
bool Slab<T, kGenerationMax>::erase(Handle handle) {
  if (!find(handle)) return false;
  Slot& gone = slot(handle.index);
  // Stale before the destructor runs: what it reaches of this slab no longer finds the object.
  ++gone.generation;
  --live_;
  std::destroy_at(gone.object());
  free_slot(handle.index);
  return true;
}

template <class T, uint32_t kGenerationMax>
void Slab<T, kGenerationMax>::free_slot(uint32_t index) {
  Slot& free = slot(index);
  if (free.generation == kGenerationMax + 1) {  // 0 when the full range is in use
    ++retired_;
    free.next_free = index;  // marks it retired: no list entry points to itself
    return;
  }
  free.next_free = first_free_;
  first_free_ = index;
}

template <class T, uint32_t kGenerationMax>
void Slab<T, kGenerationMax>::clear() {
  for_each([this](Handle handle, T&) { erase(handle); });
}

template <class T, uint32_t kGenerationMax>
template <class Visit>
void Slab<T, kGenerationMax>::for_each(Visit visit) {
  for (uint32_t index = 0; index < made_; ++index) {
    Slot& each = slot(index);
    if (each.live()) visit(Handle{index, each.generation}, *each.object());
  }
}

template <class T, uint32_t kGenerationMax>
auto Slab<T, kGenerationMax>::find(Handle handle) const -> const Slot* {
  if (handle.index >= made_) return nullptr;
  const Slot& named = slot(handle.index);
  return named.live() && named.generation == handle.generation ? &named : nullptr;
}

template <class T, uint32_t kGenerationMax>
bool Slab<T, kGenerationMax>::grow() {
  if (made_ == count_max_) return false;
  if (!chunks_) {
    chunks_ = static_cast<Slot**>(pool_->allocate(chunk_count_max() * sizeof(Slot*)));
    if (!chunks_) return false;
  }
  const uint32_t count = chunk_slots(chunk_count_);
  void* const block =
      pool_->allocate(count * sizeof(Slot), std::max(alignof(Slot), Pool::kAlignment));
  if (!block) return false;
  Slot* const slots = new (block) Slot[count];
  chunks_[chunk_count_++] = slots;
  for (uint32_t i = count; i-- > 0;) {  // so that the lowest index is used first
    slots[i].next_free = first_free_;
    first_free_ = made_ + i;
  }
  made_ += count;
  return true;
}

template <class T, uint32_t kGenerationMax>
size_t Slab<T, kGenerationMax>::held_bytes() const {
  size_t bytes = chunks_ ? pool_->usable_bytes(chunks_) : 0;
  for (uint32_t c = 0; c < chunk_count_; ++c) bytes += pool_->usable_bytes(chunks_[c]);
  return bytes;
}

template <class T, uint32_t kGenerationMax>
void Slab<T, kGenerationMax>::check_integrity() const {
  uint32_t live = 0, retired = 0, free = 0;
  for (uint32_t index = 0; index < made_; ++index) {
    live += slot(index).live();
    retired += !slot(index).live() && slot(index).next_free == index;
  }
  LLMOS_CHECK(made_ <= count_max_) << made_ << " slots made, at most " << count_max_ << " allowed";
  LLMOS_CHECK(live == live_) << live << " slots are live, counted " << live_;
  LLMOS_CHECK(retired == retired_) << retired << " slots are retired, counted " << retired_;
  for (uint32_t index = first_free_; index != kNoSlot; index = slot(index).next_free) {
    LLMOS_CHECK(index < made_) << "free list names slot " << index << " of " << made_;
    LLMOS_CHECK(!slot(index).live()) << "slot " << index << " is live and on the free list";
    LLMOS_CHECK(++free <= made_) << "the free list is a circle";
  }
  LLMOS_CHECK(free == made_ - live - retired)
      << free << " slots on the free list, expected " << made_ - live - retired;
}

}  // namespace llmos
