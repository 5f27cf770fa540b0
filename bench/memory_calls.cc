// SPDX-License-Identifier: Apache-2.0
#include "memory_heaps.h"

namespace llmos::bench {

void* call_allocate(Pool* pool, size_t bytes) noexcept { return pool->allocate(bytes); }

void call_deallocate(Pool* pool, void* block) noexcept { pool->deallocate(block); }

void* call_empty_allocate(size_t) noexcept {
  static __thread char block[64];  // a thread's own: no line of it moves between caches
  return block;
}

void call_empty_deallocate(void*) noexcept {}

}  // namespace llmos::bench
