// SPDX-License-Identifier: Apache-2.0
// Memory: a size-class pool under a hard byte cap, and a bump arena. Usable without an Engine.
//
//   auto pool = llmos::Pool::create({.bytes_max = 1ull << 30}).value();
//   void* block = pool->allocate(4096);   // nullptr at the cap: out of memory is a value
//   pool->deallocate(block);
//
//   std::vector<int, llmos::PoolAllocator<int>> numbers{llmos::PoolAllocator<int>(*pool)};
//   std::pmr::string text{pool->resource()};
//
// What a pool costs: 1.3 ns for an allocate/deallocate pair of any size up to 8 MiB (a Zen 5 at
// 4.5 GHz; figures in bench/README.md), no system call in steady state. The fast path is inline in
// this header, so a program must be built with the headers of the library it links (see version.h).
#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "llmos/options.h"
#include "llmos/status.h"
#include "llmos/version.h"

#if defined(__SANITIZE_THREAD__)
  #define LLMOS_HAS_TSAN 1
#elif defined(__has_feature)
  #define LLMOS_HAS_TSAN __has_feature(thread_sanitizer)
#else
  #define LLMOS_HAS_TSAN 0
#endif

namespace llmos {

class Pool;

// Where a pool's memory comes from: address space first, memory for parts of it later. The defaults
// suit CPU memory; pinned host memory and device memory are other implementations of the same five
// calls. All ranges are multiples of kUnitBytes, and commits never overlap. Implementations are
// thread-safe and must not allocate from the pool they serve.
class LLMOS_API Backing {
 public:
  static constexpr size_t kUnitBytes = 16384;

  virtual ~Backing();
  // Addresses without memory, at a multiple of `alignment`; nullptr when refused.
  virtual std::byte* reserve(size_t bytes, size_t alignment) = 0;
  virtual void release(std::byte* address, size_t bytes) = 0;
  // Makes a reserved range usable; false when refused.
  virtual bool commit(std::byte* address, size_t bytes) = 0;
  // Takes the memory back, keeps the addresses. The content is lost.
  virtual void decommit(std::byte* address, size_t bytes) = 0;
  // Where the pool keeps its own records: itself, unless the CPU cannot read and write this memory.
  // What it commits must read as zero.
  virtual Backing& metadata() { return *this; }
  // True when addresses cost nothing, so that a pool may reserve more of them than its cap.
  virtual bool sparse() const { return true; }
};

// Memory from mmap, and from the C++ heap (for systems where mmap is not wanted; taken in full at
// once).
LLMOS_API std::unique_ptr<Backing> make_mmap_backing(HugePages huge_pages = HugePages::kAuto);
LLMOS_API std::unique_ptr<Backing> make_heap_backing();

struct PoolOptions {
  // Hard cap on every byte taken from the backing, records included. 0: the machine's (or cgroup's)
  // memory.
  uint64_t bytes_max{};
  // Ignored when `backing` is given.
  HugePages huge_pages{};
  // Verify every deallocation (double free, foreign or interior pointer) and report the class at
  // fault through the fatal handler. About 50 ns a call, as such a pool has no thread caches.
  // kAuto: on when the library was built with LLMOS_ASSERTIONS >= 1.
  Checks checks{};
  // How long free memory rests before collect() and maintain() give it back.
  std::chrono::milliseconds idle_age{10'000};
  // What maintain() keeps ready above the live bytes. Unset: as much as the demand model learns to.
  std::optional<uint64_t> slack_bytes{};
  // Call maintain() once a second on a thread of the pool's own.
  bool background{};
  // Memory source; must outlive the pool. nullptr: mmap.
  Backing* backing{};
  // Time source for ageing and demand; nullptr: the steady clock. For tests and simulators.
  std::chrono::nanoseconds (*now)(){};
  // In log lines and messages.
  std::string name{"pool"};
};

// Words. A *block* is what allocate() returns; its *class* is the size it was rounded up to. *Live*
// blocks are in the user's hands; *cached* ones are free and ready in a thread's cache, a depot or
// a partly used span; *free* bytes are whole pages in use by no class. Conservation, checked by
// check_integrity():
//   resident_bytes = live_bytes + cached_bytes + free_bytes + span_waste_bytes + metadata_bytes
//   resident_bytes <= bytes_max
struct PoolStats {
  struct Class {
    uint32_t block_bytes{};     // the class
    uint64_t live{}, cached{};  // blocks
    uint64_t allocations{};     // since the pool was made
    uint64_t slow{};            // of these, how many had to leave the thread's cache
    double hit_rate() const { return allocations ? 1 - double(slow) / double(allocations) : 1; }
  };
  std::vector<Class> classes;  // only those ever used
  uint64_t bytes_max{};        // the cap
  uint64_t resident_bytes{};   // taken from the backing now
  uint64_t resident_bytes_peak{};
  uint64_t live_bytes{};  // rounded up to classes and pages
  uint64_t cached_bytes{};
  uint64_t free_bytes{};
  uint64_t span_waste_bytes{};  // tails and colour offsets of spans
  uint64_t metadata_bytes{};
  uint64_t large_blocks{},
      large_bytes{};  // part of live: blocks beyond the largest class, or widely aligned
  uint64_t commits{}, decommits{};  // calls to the backing
  uint64_t commit_bytes{};          // bytes those commits asked for
  uint64_t
      slow_commits{};   // commits that an allocation had to wait for (the others were made ahead)
  uint64_t reclaims{};  // times the cap forced every cache to be emptied
  // Share of a block that its request did not ask for, over a sample of requests (one per slow
  // path).
  double internal_fragmentation{};
  // Share of resident bytes that no live block uses.
  double external_fragmentation() const {
    return resident_bytes ? 1 - double(live_bytes) / double(resident_bytes) : 0;
  }
};

// What maintain() would do for one class, and why. See Pool::plan.
struct DemandPlan {
  double demand_bytes{};    // the last sample
  double forecast_bytes{};  // expected at the next sample
  double reserve_bytes{};   // forecast plus the learned margin: what to hold ready
  double margin_factor{};   // the margin in units of the forecast's usual error
  std::string reason;       // one sentence for a person
};

namespace detail {

// Size classes: one every 16 bytes up to 256, then eight per doubling up to 8 MiB. Below 128 that
// wastes less than 16 bytes; above, with k = 8 classes per doubling, a block is at most 1/(k+1)
// = 11.1 % larger than its request.
inline constexpr size_t kClassBytesMax = size_t{8} << 20;
inline constexpr uint32_t kClassCount = 136;
// Class ids, as the page table holds them. Zero is what untouched page table reads as.
inline constexpr uint32_t kClassNone = 0;   // the page is in no block
inline constexpr uint32_t kClassLarge = 1;  // the page is in a block that has a span of its own
inline constexpr uint32_t kClassFirst = 2;
inline constexpr uint32_t kClassEnd = kClassFirst + kClassCount;

// With t = bytes - 1 and e the position of its highest bit (at least 7), a class spans 2^(e-3)
// bytes.
inline uint32_t class_of(size_t bytes) {  // 1 <= bytes <= kClassBytesMax
  const size_t t = bytes - 1;
  const auto e = uint32_t(63 ^ __builtin_clzll(t | 128));
  return uint32_t(t >> (e - 3)) + e * 8 - 56 + kClassFirst;
}

// Every class's stack of free blocks ("bin") in one thread. The owner pushes and pops with plain
// stores; another thread that wants the blocks back closes bins and then raises a barrier in the
// owner (src/memory/thread_cache.h says why that suffices). One array per field: a class id scaled
// by eight is an address on x86, a structure's size is not.
struct alignas(64) CacheBins {
  void** top[kClassEnd];     // one past the last block; the owner writes
  void** floor[kClassEnd];   // a pop below it is refused; UINTPTR_MAX when closed
  void** limit[kClassEnd];   // a push at or above it is refused; nullptr when closed
  uint64_t pops[kClassEnd];  // statistics; the owner writes
};

// Adds one to a number that this thread writes and others may read at any time. On x86 as one
// instruction (not a locked one: there is one writer), which compilers do not make of the other
// form.
inline void count(uint64_t& number) {
#if defined(__x86_64__) && !LLMOS_HAS_TSAN
  asm("addq $1, %0" : "+m"(number) : : "cc");
#else
  __atomic_store_n(&number, __atomic_load_n(&number, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
#endif
}

// Pools 0 to kCachedPools - 1 of a process have thread caches; entry kCachedPools stays null, so
// that further pools always take the slow path.
inline constexpr uint32_t kCachedPools = 31;
struct ThreadPools {
  CacheBins* caches[kCachedPools + 1];
};
// __thread and not thread_local: no initialiser, hence no wrapper call. initial-exec: no call into
// the loader; its 256 bytes fit the static reserve that glibc keeps for libraries loaded later.
extern LLMOS_API __thread ThreadPools thread_pools __attribute__((tls_model("initial-exec")));

// A word that other threads may change meanwhile, where an older value does no harm. It is read
// whole either way; thread sanitizer wants to be told.
inline size_t read_racy(const size_t& word) {
#if LLMOS_HAS_TSAN
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
#else
  return word;
#endif
}

// `bound` as another thread may have moved it, read after the store to `own`. Between owner and
// closer the closer's barrier orders the hardware; this orders the compiler, and nothing else, so
// that it may keep its registers. An aligned pointer is read whole either way; thread sanitizer
// wants to be told.
inline void** read_behind([[maybe_unused]] void** const& own, void**& bound) {
#if LLMOS_HAS_TSAN
  asm volatile("" : : : "memory");
  return __atomic_load_n(&bound, __ATOMIC_RELAXED);
#else
  asm volatile("" : "+m"(bound) : "m"(own));
  return bound;
#endif
}

}  // namespace detail

// A size-class pool: thread caches, central lists per class, spans of 16 KiB pages, and the backing
// beneath.
//
// Threads  allocate, deallocate, usable_bytes, owns, collect, trim, maintain, prewarm, stats: any
//          thread, at any time. A block may be freed by another thread than the one that took it.
// Lives    Pools are independent. An exiting thread's cache returns to its pool. Destroying a pool
//          while other threads live is fine as long as none of them is inside it; blocks still live
//          become invalid, and a warning with their number is logged.
// Failure  allocate answers nullptr, never throws: when `bytes` or `alignment` is impossible, or
//          when the cap is reached (or the backing refuses) even after every thread's cache was
//          emptied.
// Bounds   kCachedPools pools per process have thread caches; further ones work without, at ten
//          times the cost.
class LLMOS_API Pool {
 public:
  static constexpr size_t kAlignment = 16;  // of every block
  static constexpr size_t kAlignmentMax = size_t{2} << 20;

  // Reserves addresses; takes no memory yet beyond the records.
  static Result<std::unique_ptr<Pool>> create(PoolOptions options = {});
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A block of at least `bytes` (zero counts as one).
  [[nodiscard]] void* allocate(size_t bytes) noexcept;
  // At a multiple of `alignment`: a power of two up to kAlignmentMax.
  [[nodiscard]] void* allocate(size_t bytes, size_t alignment) noexcept;
  // nullptr is ignored. Pointers that are not live blocks of this pool are caught when checked;
  // otherwise one that lies outside the pool or in unused pages is still caught, and others are
  // undefined.
  void deallocate(void* block) noexcept;
  // The same, for callers that know the size they asked for (without an alignment): saves one load.
  void deallocate(void* block, size_t bytes) noexcept;

  size_t usable_bytes(const void* block) const noexcept;  // 0 when not in this pool
  bool owns(const void* block) const noexcept { return page_of(block) < page_count(); }

  // Makes room for `count` more blocks of `bytes` ahead of their use, touched and ready.
  Status prewarm(size_t bytes, size_t count);
  // Gives back up to `bytes_max` bytes that nobody used for `age` (negative: the option's
  // idle_age). Works in steps of a few microseconds, between which allocation goes on. Returns the
  // bytes given back.
  size_t collect(size_t bytes_max = SIZE_MAX,
                 std::chrono::milliseconds age = std::chrono::milliseconds(-1));
  // Gives back everything that is not live, whatever its age.
  size_t trim() { return collect(SIZE_MAX, std::chrono::milliseconds(0)); }
  // One period of the demand model: samples every class, prepares what the next period is expected
  // to need, and returns what it is not. Call it about once a second, or set `background`.
  void maintain();
  // What the model behind maintain() makes of a demand history (bytes, one sample per period,
  // oldest first).
  static DemandPlan plan(std::span<const double> history);

  PoolStats stats() const;
  // CHECKs every invariant of the pool, and the conservation equation when no other thread changes
  // it meanwhile. Empties all caches first, which its users see as slower calls; for tests and idle
  // time.
  void check_integrity() const;

  // This pool as a std::pmr resource; throws std::bad_alloc as that interface demands. Lives as
  // long as the pool.
  std::pmr::memory_resource* resource() noexcept;
  uint64_t bytes_max() const noexcept;
  const std::string& name() const noexcept;

  struct Impl;

 private:
  explicit Pool(std::unique_ptr<Impl> impl);
  size_t page_of(const void* block) const noexcept {
    return (reinterpret_cast<uintptr_t>(block) - base_) / Backing::kUnitBytes;
  }
  static void* allocate_slow(Pool* pool, size_t bytes) noexcept;
  static void* allocate_closed(Pool* pool, detail::CacheBins* cache, uint32_t size_class,
                               size_t bytes) noexcept;
  static void deallocate_slow(Pool* pool, void* block) noexcept;
  static void deallocate_closed(Pool* pool, detail::CacheBins* cache, uint32_t size_class) noexcept;
  size_t page_count() const noexcept { return detail::read_racy(page_count_); }
  void push(detail::CacheBins* cache, uint32_t size_class, void* block) noexcept;

  // Read by every fast path; all but the page count are written once.
  uintptr_t base_ = 0;                   // first address
  size_t page_count_ = 0;                // pages in use so far, from the first on; grows
  const uint8_t* page_class_ = nullptr;  // class of the block that each page belongs to
  uint32_t slot_ = detail::kCachedPools;
  std::unique_ptr<Impl> impl_;
};

// A pool as an allocator for containers. Copies share the pool, which must outlive them all.
template <class T>
class PoolAllocator {
 public:
  using value_type = T;
  explicit PoolAllocator(Pool& pool) noexcept : pool_(&pool) {}
  template <class U>
  PoolAllocator(const PoolAllocator<U>& other) noexcept : pool_(other.pool()) {}
  T* allocate(size_t count) {  // throws std::bad_alloc, as containers expect
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    void* block = alignof(T) > Pool::kAlignment ? pool_->allocate(count * sizeof(T), alignof(T))
                                                : pool_->allocate(count * sizeof(T));
    if (!block) throw std::bad_alloc();
    return static_cast<T*>(block);
  }
  void deallocate(T* block, size_t) noexcept { pool_->deallocate(block); }
  Pool* pool() const noexcept { return pool_; }
  template <class U>
  bool operator==(const PoolAllocator<U>& other) const noexcept {
    return pool_ == other.pool();
  }

 private:
  Pool* pool_;
};

// Bump allocation: many small objects that die together. Takes chunks from a pool, hands out
// consecutive bytes, and forgets everything at once. Destructors of objects in it are not run.
//
//   llmos::Arena arena(*pool);
//   int* numbers = static_cast<int*>(arena.allocate(100 * sizeof(int)));
//   { llmos::Arena::Scope scope(arena);  /* everything from here on ends with the scope */ }
//
// Words    A *chunk* is a block of the pool. The *current* chunk is the one being filled; *spare*
//          chunks come after it in the list, are empty, and are filled again before new ones are
//          taken. A request that the rest of the current chunk cannot hold leaves that rest unused.
// Threads  one at a time.
// Failure  allocate answers nullptr when the pool does, and for an alignment that is not a power of
//          two up to Pool::kAlignmentMax. The arena is then as it was before.
//
// Invariants, all checked by check_integrity():
//   (1) held_bytes() == sum of the bytes of all chunks; each belongs to the pool
//   (2) used_bytes() == sum of what was used of each chunk before the current one, and of it
//   (3) the free rest [next_, end_) lies in the current chunk and reaches to its end
class LLMOS_API Arena {
 public:
  // Chunks are `chunk_bytes` or as large as a request needs. The pool must outlive the arena.
  explicit Arena(Pool& pool, size_t chunk_bytes = 64 * 1024) noexcept;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `bytes` (zero counts as one) at a multiple of `alignment`.
  [[nodiscard]] void* allocate(size_t bytes,
                               size_t alignment = alignof(std::max_align_t)) noexcept {
    const uintptr_t at = (next_ + alignment - 1) & ~uintptr_t(alignment - 1);
    if (!alignment_valid(alignment) || at < next_ || at > end_ || bytes - 1 >= end_ - at) {
      return allocate_slow(bytes, alignment);
    }
    next_ = at + bytes;
    return reinterpret_cast<void*>(at);
  }
  // Constructs a T in the arena; nullptr when there is no memory.
  template <class T, class... Args>
  T* make(Args&&... args) {
    void* place = allocate(sizeof(T), alignof(T));
    if (!place) return nullptr;
    if constexpr (std::is_constructible_v<T, Args...>) {
      return new (place) T(std::forward<Args>(args)...);
    } else {  // an aggregate
      return new (place) T{std::forward<Args>(args)...};
    }
  }

  // A point to return to. Scopes nest: rewinding to a mark, or a reset, invalidates every later
  // one; release() invalidates all.
  struct Mark {
    void* chunk{};
    uintptr_t next{};
    size_t used{};
  };
  Mark mark() const noexcept;
  // Frees everything allocated since; chunks are kept for reuse.
  void rewind(const Mark& mark) noexcept;
  void reset() noexcept;    // frees everything; chunks are kept
  void release() noexcept;  // frees everything and returns the chunks to the pool

  size_t used_bytes() const noexcept;  // handed out, padding included
  size_t held_bytes() const noexcept;  // taken from the pool
  void check_integrity() const;        // CHECKs the invariants; O(chunks)

  // Rewinds when it goes out of scope.
  class Scope {
   public:
    explicit Scope(Arena& arena) noexcept : arena_(arena), mark_(arena.mark()) {}
    ~Scope() { arena_.rewind(mark_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    Mark mark_;
  };

 private:
  struct Chunk;
  static constexpr bool alignment_valid(size_t alignment) {
    return std::has_single_bit(alignment) && alignment <= Pool::kAlignmentMax;
  }
  void* allocate_slow(size_t bytes, size_t alignment) noexcept;
  Chunk* take_spare(size_t bytes) noexcept;
  Chunk* take_new(size_t bytes) noexcept;
  void enter(Chunk* chunk) noexcept;

  Pool* pool_;
  size_t chunk_bytes_;
  uintptr_t next_ = 0, end_ = 0;  // the free rest of the current chunk
  Chunk* first_ = nullptr;
  Chunk* current_ = nullptr;
  size_t used_before_ = 0;  // in the chunks before the current one
  size_t held_ = 0;
};

// An arena as an allocator for containers; deallocate does nothing.
template <class T>
class ArenaAllocator {
 public:
  using value_type = T;
  explicit ArenaAllocator(Arena& arena) noexcept : arena_(&arena) {}
  template <class U>
  ArenaAllocator(const ArenaAllocator<U>& other) noexcept : arena_(other.arena()) {}
  T* allocate(size_t count) {
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    void* block = arena_->allocate(count * sizeof(T), alignof(T));
    if (!block) throw std::bad_alloc();
    return static_cast<T*>(block);
  }
  void deallocate(T*, size_t) noexcept {}
  Arena* arena() const noexcept { return arena_; }
  template <class U>
  bool operator==(const ArenaAllocator<U>& other) const noexcept {
    return arena_ == other.arena();
  }

 private:
  Arena* arena_;
};

// ---- The fast paths.
// -------------------------------------------------------------------------------------------

inline void* Pool::allocate(size_t bytes) noexcept {
  detail::CacheBins* const cache = detail::thread_pools.caches[slot_];
  if (__builtin_expect(cache == nullptr, false)) return allocate_slow(this, bytes);
  if (__builtin_expect(bytes - 1 >= detail::kClassBytesMax, false))
    return allocate_slow(this, bytes);
  const uint32_t size_class = detail::class_of(bytes);
  void** const top = __atomic_load_n(&cache->top[size_class], __ATOMIC_RELAXED) - 1;
  __atomic_store_n(&cache->top[size_class], top, __ATOMIC_RELEASE);
  void* const block = *top;
  if (__builtin_expect(top < detail::read_behind(cache->top[size_class], cache->floor[size_class]),
                       false)) {
    return allocate_closed(this, cache, size_class, bytes);
  }
  detail::count(cache->pops[size_class]);
  return block;
}

inline void Pool::push(detail::CacheBins* cache, uint32_t size_class, void* block) noexcept {
  void** const top = __atomic_load_n(&cache->top[size_class], __ATOMIC_RELAXED);
  *top = block;  // there is always one slot beyond the limit
  __atomic_store_n(&cache->top[size_class], top + 1, __ATOMIC_RELEASE);
  if (__builtin_expect(top >= detail::read_behind(cache->top[size_class], cache->limit[size_class]),
                       false)) {
    deallocate_closed(this, cache, size_class);
  }
}

inline void Pool::deallocate(void* block) noexcept {
  detail::CacheBins* const cache = detail::thread_pools.caches[slot_];
  const size_t page = page_of(block);
  if (__builtin_expect(cache == nullptr || page >= page_count(), false)) {
    return deallocate_slow(this, block);
  }
  push(cache, page_class_[page], block);
}

inline void Pool::deallocate(void* block, size_t bytes) noexcept {
  detail::CacheBins* const cache = detail::thread_pools.caches[slot_];
  if (__builtin_expect(cache == nullptr || block == nullptr || bytes - 1 >= detail::kClassBytesMax,
                       false)) {
    return deallocate_slow(this, block);
  }
  push(cache, detail::class_of(bytes), block);
}

}  // namespace llmos
