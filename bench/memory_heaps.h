// SPDX-License-Identifier: Apache-2.0
// What memory_bench and its companions measure: heaps with the two calls that a user makes.
#pragma once

#include <cstddef>
#include <cstdlib>

#include "llmos/memory.h"

namespace llmos::bench {

// The same operations out of line, in another translation unit: what a call costs that the
// compiler cannot see into, as malloc's always is.
void* call_allocate(Pool* pool, size_t bytes) noexcept;
void call_deallocate(Pool* pool, void* block) noexcept;
// Nothing but the calls; answers the same block each time.
void* call_empty_allocate(size_t bytes) noexcept;
void call_empty_deallocate(void* block) noexcept;

// Whatever malloc is in this process: glibc's, or that of a preloaded library.
struct MallocHeap {
  static constexpr bool kSized = false;
  void* allocate(size_t bytes) const { return std::malloc(bytes); }
  void deallocate(void* block, size_t) const { std::free(block); }
};

struct PoolHeap {
  static constexpr bool kSized = false;
  Pool* pool;
  void* allocate(size_t bytes) const { return pool->allocate(bytes); }
  void deallocate(void* block, size_t) const { pool->deallocate(block); }
};

struct PoolSizedHeap {
  static constexpr bool kSized = true;
  Pool* pool;
  void* allocate(size_t bytes) const { return pool->allocate(bytes); }
  void deallocate(void* block, size_t bytes) const { pool->deallocate(block, bytes); }
};

struct PoolCallHeap {
  static constexpr bool kSized = false;
  Pool* pool;
  void* allocate(size_t bytes) const { return call_allocate(pool, bytes); }
  void deallocate(void* block, size_t) const { call_deallocate(pool, block); }
};

struct EmptyCallHeap {
  static constexpr bool kSized = false;
  void* allocate(size_t bytes) const { return call_empty_allocate(bytes); }
  void deallocate(void* block, size_t) const { call_empty_deallocate(block); }
};

// Makes the compiler forget what it knows of a size, in a register: nothing that depends on it
// leaves the loop. (benchmark::DoNotOptimize would send it through memory.)
inline void forget(size_t& bytes) { asm volatile("" : "+r"(bytes)); }

inline void write_first_byte(void* block) { *static_cast<volatile char*>(block) = 1; }

}  // namespace llmos::bench
