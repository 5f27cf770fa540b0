// SPDX-License-Identifier: Apache-2.0
// The calls of llmos/memory.h; what they do is in pool_impl.h.
#include <algorithm>
#include <bit>

#include "base/os_memory.h"
#include "base/text.h"
#include "memory/pool_impl.h"

namespace llmos {

using memory::kPageBytes;
using memory::kSizeClasses;
using memory::SizeClass;
using memory::ThreadCache;

namespace {

// Records of an empty pool take a few hundred KiB for the page table of a large range; below this a
// pool is useless.
constexpr uint64_t kBytesMin = 256 * 1024;

// The first class with room for `bytes` whose blocks all lie at multiples of `alignment`;
// kClassNone if there is none.
uint32_t aligned_class(size_t bytes, size_t alignment) {
  const size_t wanted = std::max(bytes, alignment);
  if (wanted > detail::kClassBytesMax) return detail::kClassNone;
  const uint32_t first = detail::class_of(wanted);
  for (uint32_t c = first; c < std::min(first + 8, detail::kClassEnd); ++c) {
    const SizeClass& geometry = kSizeClasses[c];
    const bool starts_aligned = alignment <= memory::kCacheLineBytes || geometry.colours == 1;
    if (starts_aligned && geometry.stride % alignment == 0) return c;
  }
  return detail::kClassNone;
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::create(PoolOptions options) {
  const uint64_t bytes_max = options.bytes_max ? options.bytes_max : os::physical_memory_bytes();
  if (bytes_max < kBytesMin) {
    return Status(Code::kInvalid,
                  (Text() << options.name << ": bytes_max is " << bytes_text(bytes_max)
                          << ", expected at least " << bytes_text(kBytesMin))
                      .str());
  }
  std::unique_ptr<Backing> owned;
  if (!options.backing) owned = make_mmap_backing(options.huge_pages);
  Backing& backing = options.backing ? *options.backing : *owned;
  const bool background = options.background;
  auto impl = std::make_unique<Impl>(std::move(options), std::move(owned), backing, bytes_max);
  if (!impl->records.valid() || !impl->heap.valid()) {
    return Status(Code::kExhausted,
                  (Text() << impl->options.name << ": the backing refused the addresses for "
                          << bytes_text(bytes_max) << " or the pool's records")
                      .str());
  }
  std::unique_ptr<Pool> pool(new Pool(std::move(impl)));
  if (background) pool->impl_->start_background();
  return pool;
}

Pool::Pool(std::unique_ptr<Impl> impl)
    : base_(reinterpret_cast<uintptr_t>(impl->heap.base())),
      page_class_(impl->heap.page_classes()),
      slot_(impl->slot),
      impl_(std::move(impl)) {
  impl_->resource.pool = this;
  impl_->heap.publish_frontier(&page_count_);
}

Pool::~Pool() = default;

void* Pool::allocate_slow(Pool* pool, size_t bytes) noexcept {
  if (bytes == 0) bytes = 1;
  if (bytes > detail::kClassBytesMax) return pool->impl_->allocate_large(bytes, 1);
  // The cache, once there, is what the inline path uses.
  return pool->impl_->this_threads_cache() ? pool->allocate(bytes) : pool->impl_->allocate(bytes);
}

void* Pool::allocate_closed(Pool* pool, detail::CacheBins* bins, uint32_t size_class,
                            size_t bytes) noexcept {
  auto* const cache = static_cast<ThreadCache*>(bins);
  void* const block = cache->pop_closed(size_class, bytes);
  return block ? block : pool->impl_->allocate_again(cache, size_class);
}

void* Pool::allocate(size_t bytes, size_t alignment) noexcept {
  if (!std::has_single_bit(alignment) || alignment > kAlignmentMax) {
    if (impl_->checked) {
      impl_->fault("allocate", nullptr, "alignment must be a power of two up to 2 MiB");
    }
    return nullptr;
  }
  if (alignment <= kAlignment) return allocate(bytes);
  const uint32_t size_class = aligned_class(bytes, alignment);
  if (size_class != detail::kClassNone) return allocate(kSizeClasses[size_class].block_bytes);
  return impl_->allocate_large(std::max<size_t>(bytes, 1), alignment);
}

void Pool::deallocate_slow(Pool* pool, void* block) noexcept {
  if (!block) return;
  Impl& impl = *pool->impl_;
  const size_t page = pool->page_of(block);
  if (page >= impl.heap.frontier()) impl.fault("deallocate", block, "is not from this pool");
  const uint32_t size_class = pool->page_class_[page];
  detail::CacheBins* const cache =
      size_class >= detail::kClassFirst ? impl.this_threads_cache() : nullptr;
  if (cache) return pool->push(cache, size_class, block);
  impl.deallocate(block);
}

void Pool::deallocate_closed(Pool* pool, detail::CacheBins* bins, uint32_t size_class) noexcept {
  auto* const cache = static_cast<ThreadCache*>(bins);
  if (size_class >= detail::kClassFirst) return cache->push_closed(size_class);
  pool->impl_->deallocate(cache->undo_push(size_class));
}

size_t Pool::usable_bytes(const void* block) const noexcept {
  const memory::Span* const span = impl_->heap.span_of(block);
  if (!span) return 0;
  if (span->size_class != detail::kClassLarge) return kSizeClasses[span->size_class].block_bytes;
  return size_t{span->page_count} * kPageBytes;
}

Status Pool::prewarm(size_t bytes, size_t count) { return impl_->prewarm(bytes, count); }
size_t Pool::collect(size_t bytes_max, std::chrono::milliseconds age) {
  return impl_->collect(bytes_max, age);
}
void Pool::maintain() { impl_->maintain(); }
DemandPlan Pool::plan(std::span<const double> history) { return memory::Demand::explain(history); }
PoolStats Pool::stats() const { return impl_->stats(); }
void Pool::check_integrity() const { impl_->check_integrity(); }
std::pmr::memory_resource* Pool::resource() noexcept { return &impl_->resource; }
uint64_t Pool::bytes_max() const noexcept { return impl_->budget.max(); }
const std::string& Pool::name() const noexcept { return impl_->options.name; }

}  // namespace llmos
