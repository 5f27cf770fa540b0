// SPDX-License-Identifier: Apache-2.0
#include "api/tenant_options.h"

#include <algorithm>

#include "api/request_check.h"
#include "base/text.h"

namespace llmos {
namespace {

Status refuse(const std::string& tenant, const char* what) {
  return {Code::kInvalid,
          (Text() << "tenants, \"" << printable(tenant, 40) << "\": " << what).str()};
}

Result<engine::TenantLimit> blocks_of(const std::string& tenant, const TenantLimit& limit,
                                      const BlockPool& pool) {
  if (!(limit.kv_share_max >= 0 && limit.kv_share_max <= 1)) {
    return refuse(tenant, "kv_share_max: expected 0 (no limit) to 1");
  }
  uint64_t blocks = pool.capacity();
  if (limit.kv_bytes_max > 0) {
    blocks = std::min<uint64_t>(blocks, limit.kv_bytes_max / pool.layout().block_bytes());
  }
  if (limit.kv_share_max > 0) {
    blocks = std::min(blocks, uint64_t(limit.kv_share_max * double(pool.capacity())));
  }
  if (blocks == 0) {
    return refuse(tenant, "its limit on keys and values holds no whole block; raise it");
  }
  const bool limited = limit.kv_bytes_max > 0 || limit.kv_share_max > 0;
  return engine::TenantLimit{limited ? uint32_t(blocks) : 0, limit.queue_max};
}

}  // namespace

Result<engine::TenantLimits> make_tenant_limits(const TenantOptions& options, uint32_t queue_max,
                                                const BlockPool& pool) {
  engine::TenantLimits limits;
  Result<engine::TenantLimit> each = blocks_of("", options.each, pool);
  if (!each.ok()) return each.status();
  limits.all = *each;
  for (const auto& [tenant, limit] : options.named) {
    if (tenant.size() > kTenantBytesMax) return refuse(tenant, "its name is too long");
    const Result<engine::TenantLimit> made = blocks_of(tenant, limit, pool);
    if (!made.ok()) return made.status();
    if (!limits.name(tenant, *made)) return refuse(tenant, "it is named twice");
  }
  if (!limits.any_blocks()) return limits;
  const uint32_t half = std::max(1u, queue_max / 2);
  if (limits.all.queue_max == 0) limits.all.queue_max = half;
  for (auto& [tenant, limit] : limits.named) {
    if (limit.queue_max == 0) limit.queue_max = half;
  }
  return limits;
}

}  // namespace llmos
