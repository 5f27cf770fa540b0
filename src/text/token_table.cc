// SPDX-License-Identifier: Apache-2.0
#include "text/token_table.h"

#include <algorithm>
#include <bit>
#include <random>

namespace llmos {
namespace {

// Half full at most, so that a search that fails ends after two steps on average.
size_t slots_for(size_t count) { return std::bit_ceil(std::max<size_t>(2 * count, 4)); }

}  // namespace

uint64_t random_hash_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

TokenTable::TokenTable(std::span<const std::string> texts)
    : seed_(random_hash_seed()), mask_(slots_for(texts.size()) - 1), entries_(mask_ + 1) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) insert(texts[i], TokenId(i));
  }
}

void TokenTable::insert(std::string_view text, TokenId id) {
  const uint64_t hash = detail::hash_text(text, seed_);
  size_t slot = hash & mask_;
  for (; entries_[slot].id != kNoToken; slot = (slot + 1) & mask_) {
    Entry& entry = entries_[slot];
    if (std::string_view(texts_).substr(entry.offset, entry.size) != text) continue;
    entry.id = id;
    return;
  }
  entries_[slot] = {id, uint32_t(hash >> 32), uint32_t(text.size()), texts_.size()};
  texts_ += text;
  longest_ = std::max(longest_, text.size());
}

MergeTable::MergeTable(size_t count_max)
    : seed_(random_hash_seed()), mask_(slots_for(count_max) - 1), entries_(mask_ + 1) {}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = key_of(left, right);
  size_t slot = hash(key);
  while (entries_[slot].key != kNoKey && entries_[slot].key != key) slot = (slot + 1) & mask_;
  entries_[slot] = {key, merge};
}

}  // namespace llmos
