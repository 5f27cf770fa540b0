// SPDX-License-Identifier: Apache-2.0
// Meters: what the engine counts. One writer, the engine's thread (submissions apart); read from
// any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "llmos/metrics.h"
#include "observe/histogram.h"
#include "observe/registry.h"

namespace llmos::engine {

// A number that one thread writes and any reads; relaxed, for it orders nothing.
class Tally {
 public:
  void add(uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
  void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Meters {
 public:
  Meters();

  Tally submitted, refused, completed, cancelled, failed;
  Tally prompt_tokens, cached_tokens, output_tokens, steps, steps_failed;
  Tally preemptions, recomputed_tokens, swapped_tokens, swapped_bytes, swap_failures, reopened;
  Tally waiting, running, swapped, parked, swap_bytes;
  Tally kv_blocks, kv_blocks_free, kv_blocks_cached, kv_blocks_pinned, kv_waste_ppm, busy_ns,
      started_ns, now_ns;
  observe::Histogram step, planning, scheduling_delay, first_token, token_gap, total;
  Tally levels[64];  // waiting, by level
  static constexpr uint32_t kTenantsMax = 1024;
  Tally tenant_blocks[kTenantsMax];  // where tenants have limits

  // The index of a tenant's name, from 0, in the order of their first requests. Names beyond
  // kTenantsMax share the last index.
  uint32_t tenant_index(const std::string& name, uint32_t blocks_max = 0);
  void add_tenant_use(uint32_t tenant, uint32_t prompt, uint32_t output, double block_seconds);

  Metrics snapshot() const;
  std::string prometheus_text() const { return registry_.prometheus_text(); }

 private:
  void watch(Tally& tally, const char* name, const char* help, bool gauge = false);
  void watch(observe::Histogram& histogram, const char* name, const char* help);

  mutable std::mutex tenants_mutex_;
  std::map<std::string, uint32_t> tenant_indices_;  // guarded, with the next
  std::vector<TenantUse> tenants_;
  observe::Registry registry_;
  std::vector<observe::Watch> watches_;
};

}  // namespace llmos::engine
