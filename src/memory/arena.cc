// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/check.h"
#include "llmos/memory.h"

namespace llmos {

namespace {

// A chunk smaller than this would be mostly header.
constexpr size_t kChunkBytesMin = 256;

// How many spare chunks a request looks at before it takes a new one. Spares differ in size only
// where large requests made large chunks, so the first nearly always fits; the bound keeps a run of
// large requests over many small spares linear.
constexpr int kSpareLooksMax = 8;

}  // namespace

struct alignas(Pool::kAlignment) Arena::Chunk {
  Chunk* next;
  size_t bytes;  // this header included
  size_t used;   // of the content, set when the arena moves on to the next chunk

  uintptr_t begin() const { return reinterpret_cast<uintptr_t>(this + 1); }
  uintptr_t end() const { return reinterpret_cast<uintptr_t>(this) + bytes; }
};

Arena::Arena(Pool& pool, size_t chunk_bytes) noexcept
    : pool_(&pool), chunk_bytes_(std::max(chunk_bytes, kChunkBytesMin)) {}

Arena::~Arena() { release(); }

void* Arena::allocate_slow(size_t bytes, size_t alignment) noexcept {
  if (!alignment_valid(alignment)) return nullptr;
  bytes = std::max(bytes, size_t{1});
  // Content starts at a multiple of Pool::kAlignment; a wider one may have to skip up to this much.
  const size_t padding = alignment > Pool::kAlignment ? alignment - Pool::kAlignment : 0;
  size_t need = 0;
  if (__builtin_add_overflow(bytes, sizeof(Chunk) + padding, &need)) return nullptr;
  Chunk* chunk = take_spare(need);
  if (!chunk) chunk = take_new(need);
  if (!chunk) return nullptr;
  enter(chunk);
  const uintptr_t at = (next_ + alignment - 1) & ~uintptr_t(alignment - 1);
  next_ = at + bytes;
  LLMOS_DCHECK(next_ <= end_) << "arena chunk of " << chunk->bytes << " bytes is too small for "
                              << bytes << " at alignment " << alignment;
  return reinterpret_cast<void*>(at);
}

// Unlinks the first spare that holds `bytes`. After a reset the first chunk is current but may be
// too small; it then stays in its place, used to 0 bytes.
Arena::Chunk* Arena::take_spare(size_t bytes) noexcept {
  Chunk** link = current_ ? &current_->next : &first_;
  for (int looks = 0; *link && looks < kSpareLooksMax; ++looks, link = &(*link)->next) {
    if ((*link)->bytes < bytes) continue;
    Chunk* const chunk = *link;
    *link = chunk->next;
    return chunk;
  }
  return nullptr;
}

Arena::Chunk* Arena::take_new(size_t bytes) noexcept {
  void* const block = pool_->allocate(std::max(bytes, chunk_bytes_));
  if (!block) return nullptr;
  const size_t usable = pool_->usable_bytes(block);
  held_ += usable;
  return new (block) Chunk{nullptr, usable, 0};
}

// Makes an unlinked chunk the current one.
void Arena::enter(Chunk* chunk) noexcept {
  Chunk*& link = current_ ? current_->next : first_;
  chunk->next = link;
  link = chunk;
  if (current_) {
    current_->used = next_ - current_->begin();
    used_before_ += current_->used;
  }
  current_ = chunk;
  next_ = chunk->begin();
  end_ = chunk->end();
}

Arena::Mark Arena::mark() const noexcept { return {current_, next_, used_before_}; }

void Arena::rewind(const Mark& mark) noexcept {
  Chunk* const chunk = static_cast<Chunk*>(mark.chunk);
  if (!chunk) return reset();
  LLMOS_DCHECK(mark.next >= chunk->begin() && mark.next <= chunk->end())
      << "an arena was rewound to a mark that release() or an earlier rewind had invalidated";
  current_ = chunk;
  next_ = mark.next;
  end_ = chunk->end();
  used_before_ = mark.used;
}

void Arena::reset() noexcept {
  current_ = first_;
  next_ = first_ ? first_->begin() : 0;
  end_ = first_ ? first_->end() : 0;
  used_before_ = 0;
}

void Arena::release() noexcept {
  for (Chunk* chunk = first_; chunk;) {
    Chunk* const next = chunk->next;
    pool_->deallocate(chunk);
    chunk = next;
  }
  first_ = current_ = nullptr;
  next_ = end_ = 0;
  used_before_ = held_ = 0;
}

size_t Arena::used_bytes() const noexcept {
  return current_ ? used_before_ + (next_ - current_->begin()) : 0;
}

size_t Arena::held_bytes() const noexcept { return held_; }

void Arena::check_integrity() const {
  size_t held = 0;
  size_t used_before = 0;
  bool before_current = true;
  for (const Chunk* chunk = first_; chunk; chunk = chunk->next) {
    LLMOS_CHECK(pool_->owns(chunk)) << "arena chunk outside its pool " << pool_->name();
    held += chunk->bytes;
    if (chunk == current_) before_current = false;
    if (!before_current) continue;
    LLMOS_CHECK(chunk->used <= chunk->end() - chunk->begin());
    used_before += chunk->used;
  }
  LLMOS_CHECK(before_current == (current_ == nullptr)) << "the current chunk is not in the list";
  LLMOS_CHECK(held == held_) << "chunks add up to " << held << " bytes, counted " << held_;
  LLMOS_CHECK(used_before == used_before_)
      << "full chunks add up to " << used_before << " bytes used, counted " << used_before_;
  if (!current_) {
    LLMOS_CHECK(!first_ && next_ == 0 && end_ == 0) << "an arena without chunks has a free rest";
    return;
  }
  LLMOS_CHECK(next_ >= current_->begin() && next_ <= end_ && end_ == current_->end())
      << "the free rest is not the end of the current chunk";
}

}  // namespace llmos
