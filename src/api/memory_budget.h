// SPDX-License-Identifier: Apache-2.0
// BudgetShare: what one engine holds of a MemoryBudget.
#pragma once

#include <utility>

#include "llmos/engine.h"

namespace llmos {

struct MemoryNeed {
  uint64_t fixed = 0;        // weights and workspace
  uint64_t cache = 0;        // for keys and values, if there is so much
  uint64_t cache_least = 0;  // with less it cannot open
};

// Owner    The engine; the budget outlives it. Gives back what it took when it goes.
class BudgetShare {
 public:
  // All that is needed, or less for the cache. Without a budget all of it, which counts nowhere.
  // kExhausted: not even the least is left.
  static Result<BudgetShare> take(MemoryBudget* budget, const MemoryNeed& need);

  BudgetShare() = default;
  BudgetShare(BudgetShare&& other) noexcept { swap(other); }
  BudgetShare& operator=(BudgetShare&& other) noexcept {
    BudgetShare(std::move(other)).swap(*this);
    return *this;
  }
  ~BudgetShare() {
    if (budget_) budget_->give_back(bytes_);
  }

  uint64_t cache_bytes() const noexcept { return cache_bytes_; }

 private:
  BudgetShare(MemoryBudget* budget, uint64_t bytes, uint64_t cache_bytes)
      : budget_(budget), bytes_(bytes), cache_bytes_(cache_bytes) {}
  void swap(BudgetShare& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    std::swap(cache_bytes_, other.cache_bytes_);
  }

  MemoryBudget* budget_ = nullptr;
  uint64_t bytes_ = 0;
  uint64_t cache_bytes_ = 0;
};

}  // namespace llmos
