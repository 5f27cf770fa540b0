// SPDX-License-Identifier: Apache-2.0
// Capacity: how many blocks to keep free, and how much may be promised beyond what there is.
//
//   Capacity capacity = Capacity::create({.device_blocks = pool.capacity(), ...}).value();
//   each period: capacity.observe(pool.capacity() - pool.free_count() - tree.evictable_count());
//   while (pool.free_count() < capacity.low()) evict or park, up to capacity.high()
//   if (!capacity.admit(tenant, blocks)) wait or refuse
//
// Watermarks  Demand (blocks in use that cannot be evicted) is sampled once a period; what it may
//             reach in the next one is forecast with predict's ReserveForecast, short in at most
//             short_share of the periods. Below `low` free blocks the next period may run out: it
//             is time to evict. `high` is where to stop: a quarter more, so that each start of
//             evicting is for many blocks.
// Virtual     Admitted sequences are promised the blocks they may grow to. The sum of promises may
//             exceed the device's blocks by what the tiers can hold and by `overcommit` (sequences
//             rarely all grow to their end): what does not fit is parked.
// Quotas      A tenant's promises can be bounded on their own.
// Owner       The engine, and the simulator: it counts only. A value.
// Threads     One at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "llmos/status.h"
#include "predict/reserve.h"

namespace llmos {

struct CapacityOptions {
  uint64_t device_blocks = 0;
  uint64_t tier_blocks = 0;    // that parked sequences can take: slots of host and disk tiers
  double overcommit = 1;       // promises may reach this times (device + tier) blocks; 1 to 16
  double short_share = 0.01;   // of periods that may find too few free blocks
  int horizon = 1;             // periods ahead that are provided for
  uint64_t tenant_blocks = 0;  // a tenant's promises at most, unless set_quota; 0: no bound
};

class Capacity {
 public:
  static Result<Capacity> create(const CapacityOptions& options);

  // Demand of a period: blocks that are neither free nor evictable.
  void observe(uint64_t blocks_in_use);
  // Free or evictable blocks wanted at least, and where to stop when there were fewer. Both below
  // device_blocks.
  uint64_t low() const noexcept { return low_; }
  uint64_t high() const noexcept { return high_; }
  // Why low() is what it is; of demand in blocks.
  predict::ReserveReason reason() const { return forecast_.reason(); }

  // Promises `blocks` to a sequence of the tenant; false, and nothing promised, when the bound or
  // the tenant's quota does not allow it. A sequence larger than the device alone is never
  // admitted: it could not run.
  bool admit(std::string_view tenant, uint64_t blocks);
  // Takes a promise back, or a part of it.
  void release(std::string_view tenant, uint64_t blocks);
  void set_quota(std::string_view tenant, uint64_t blocks);  // 0: no bound

  uint64_t promised() const noexcept { return promised_; }
  uint64_t promised(std::string_view tenant) const;
  uint64_t promised_max() const noexcept { return promised_max_; }

 private:
  Capacity(const CapacityOptions& options, predict::ReserveForecast forecast);
  struct Tenant {
    uint64_t promised = 0;
    uint64_t quota = 0;
    bool has_quota = false;
  };

  CapacityOptions options_;
  predict::ReserveForecast forecast_;
  uint64_t promised_max_;
  uint64_t promised_ = 0;
  uint64_t low_ = 0, high_ = 0;
  std::map<std::string, Tenant, std::less<>> tenants_;  // with a promise or a quota
};

}  // namespace llmos
