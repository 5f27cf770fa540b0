// SPDX-License-Identifier: Apache-2.0
// How tests run launches: orders of fibers to try, and faults as text.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/cuda/emu/block.h"

namespace llmos::test {

// Program order, and three drawn ones.
inline constexpr uint64_t kOrders[] = {0, 1, 2, 3};

// Runs launches in an order; the default comes back at the end. Faults are kept, not fatal.
class OrderScope {
 public:
  explicit OrderScope(uint64_t seed, unsigned os_threads = 1) {
    kernels::emu::order() = {seed, os_threads, [this](const std::string& text) { fault_ = text; }};
  }
  ~OrderScope() { kernels::emu::order() = {}; }
  OrderScope(const OrderScope&) = delete;
  OrderScope& operator=(const OrderScope&) = delete;

  const std::string& fault() const { return fault_; }

 private:
  std::string fault_;
};

}  // namespace llmos::test
