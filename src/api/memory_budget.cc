// SPDX-License-Identifier: Apache-2.0
#include "api/memory_budget.h"

#include <algorithm>

#include "base/text.h"

namespace llmos {

bool MemoryBudget::take(uint64_t bytes) noexcept {
  uint64_t used = bytes_used_.load();
  do {
    if (bytes > bytes_max_ - std::min(used, bytes_max_)) return false;
  } while (!bytes_used_.compare_exchange_weak(used, used + bytes));
  return true;
}

Result<BudgetShare> BudgetShare::take(MemoryBudget* budget, const MemoryNeed& need) {
  const uint64_t wanted = need.fixed + need.cache;
  if (!budget) return BudgetShare(nullptr, wanted, need.cache);
  if (budget->take(wanted)) return BudgetShare(budget, wanted, need.cache);
  // Others may take from it at the same time: what is left is only a proposal.
  const uint64_t left = budget->bytes_max() - std::min(budget->bytes_used(), budget->bytes_max());
  const uint64_t cache = std::min(left - std::min(left, need.fixed), need.cache);
  if (cache >= need.cache_least && budget->take(need.fixed + cache)) {
    return BudgetShare(budget, need.fixed + cache, cache);
  }
  return Status(Code::kExhausted,
                (Text() << "budget: the engine needs " << need.fixed << " bytes and "
                        << need.cache_least << " for keys and values, and " << left << " of "
                        << budget->bytes_max() << " are left")
                    .str());
}

}  // namespace llmos
