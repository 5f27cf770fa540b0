// SPDX-License-Identifier: Apache-2.0
// From the options on tenants to what the engine counts: blocks.
#pragma once

#include "engine/tenant_limits.h"
#include "kv/block_pool.h"
#include "llmos/options.h"

namespace llmos {

// kInvalid: a share outside 0 to 1, a limit that holds no whole block, a tenant that is named twice
// or too long.
Result<engine::TenantLimits> make_tenant_limits(const TenantOptions& options, uint32_t queue_max,
                                                const BlockPool& pool);

}  // namespace llmos
