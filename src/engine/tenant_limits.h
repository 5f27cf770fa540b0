// SPDX-License-Identifier: Apache-2.0
// TenantLimits: what one tenant may take of an engine that it shares with others.
//
// Threads  Constant once it is made: any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llmos::engine {

struct TenantLimit {
  uint32_t blocks_max = 0;  // of keys and values, in device memory at once; 0: no limit
  uint32_t queue_max = 0;   // of its sequences that wait; 0: no limit of its own
};

struct TenantLimits {
  TenantLimit all{};  // of each tenant without a limit of its own
  std::vector<std::pair<std::string, TenantLimit>> named{};  // sorted by name

  // False when the tenant has a limit of its own already.
  bool name(const std::string& tenant, const TenantLimit& limit) {
    const size_t at = find(tenant);
    if (at < named.size() && named[at].first == tenant) return false;
    named.insert(named.begin() + std::ptrdiff_t(at), {tenant, limit});
    return true;
  }
  TenantLimit of(std::string_view tenant) const {
    const size_t at = find(tenant);
    return at < named.size() && named[at].first == tenant ? named[at].second : all;
  }
  bool any_blocks() const { return any(&TenantLimit::blocks_max); }
  bool any_queue() const { return any(&TenantLimit::queue_max); }

 private:
  size_t find(std::string_view tenant) const {
    const auto before = [](const auto& entry, std::string_view wanted) {
      return entry.first < wanted;
    };
    return size_t(std::lower_bound(named.begin(), named.end(), tenant, before) - named.begin());
  }
  bool any(uint32_t TenantLimit::*what) const {
    const auto has = [what](const auto& entry) { return entry.second.*what > 0; };
    return all.*what > 0 || std::any_of(named.begin(), named.end(), has);
  }
};

}  // namespace llmos::engine
