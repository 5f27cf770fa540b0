// SPDX-License-Identifier: Apache-2.0
// Finding tokens by their text, and merges by their pair: two hash tables that are written once.
//
// Both hash with a seed drawn at random when they are made, so that a hostile vocabulary cannot
// choose texts or pairs that collide. What they answer does not depend on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/types.h"

namespace llmos {

uint64_t random_hash_seed();

namespace detail {

// Both halves of the product, folded: every bit of the input reaches every bit of the result.
inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}
inline constexpr uint64_t kHashFactor = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

inline uint64_t load_bytes(const char* from, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, from, bytes);
  return word;
}

inline uint64_t hash_text(std::string_view text, uint64_t seed) {
  uint64_t hash = seed ^ text.size();
  const char* at = text.data();
  size_t left = text.size();
  for (; left > 8; left -= 8, at += 8) {
    hash = fold_multiply(hash ^ load_bytes(at, 8), kHashFactor ^ seed);
  }
  return fold_multiply(hash ^ load_bytes(at, left), kHashFactor ^ seed);
}

}  // namespace detail

// Texts to ids. Of equal texts the last one counts, empty ones never.
// Threads  Const after construction, thread-safe.
class TokenTable {
 public:
  // `texts[i]` is the text of id i. Copies the texts.
  explicit TokenTable(std::span<const std::string> texts);

  TokenId find(std::string_view text) const {
    if (text.size() > longest_ || text.empty()) return kNoToken;
    const uint64_t hash = detail::hash_text(text, seed_);
    for (size_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.id == kNoToken) return kNoToken;
      if (entry.tag == uint32_t(hash >> 32) && entry.size == text.size() &&
          std::memcmp(texts_.data() + entry.offset, text.data(), text.size()) == 0) {
        return entry.id;
      }
    }
  }

 private:
  struct Entry {
    TokenId id = kNoToken;
    uint32_t tag = 0;  // the upper half of the hash
    uint32_t size = 0;
    uint64_t offset = 0;
  };

  void insert(std::string_view text, TokenId id);

  uint64_t seed_;
  size_t mask_;
  size_t longest_ = 0;
  std::string texts_;
  std::vector<Entry> entries_;  // at most half full
};

// Pairs of neighbouring tokens to what they merge into. Of equal pairs the last one counts.
// Threads  As TokenTable.
class MergeTable {
 public:
  static constexpr uint32_t kNoRank = ~0u;
  struct Merge {
    uint32_t rank = kNoRank;  // the lowest goes first
    TokenId merged = kNoToken;
  };

  explicit MergeTable(size_t count_max);
  void insert(TokenId left, TokenId right, Merge merge);

  Merge find(TokenId left, TokenId right) const {
    const uint64_t key = key_of(left, right);
    for (size_t slot = hash(key);; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.key == key) return entry.merge;
      if (entry.key == kNoKey) return {};
    }
  }

 private:
  static constexpr uint64_t kNoKey = ~uint64_t{0};
  struct Entry {
    uint64_t key = kNoKey;
    Merge merge;
  };

  static uint64_t key_of(TokenId left, TokenId right) {
    return uint64_t{uint32_t(left)} << 32 | uint32_t(right);
  }
  size_t hash(uint64_t key) const {
    return detail::fold_multiply(key ^ seed_, detail::kHashFactor) & mask_;
  }

  uint64_t seed_;
  size_t mask_;
  std::vector<Entry> entries_;  // at most half full
};

}  // namespace llmos
