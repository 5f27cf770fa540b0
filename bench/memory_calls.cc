// SPDX-License-Identifier: Apache-2.0
#include "memory_heaps.h"

namespace llmos::bench {

void* call_allocate(Pool* pool, size_t bytes) noexcept { return pool->allocate(bytes); }

void call_deallocate(Pool* pool, void* block) noexcept { pool->deallocate(block); }

void* call_empty_allocate(size_t) noexcept {
  static char block[64];
  return block;
}

void call_empty_deallocate(void*) noexcept {}

}  // namespace llmos::bench
