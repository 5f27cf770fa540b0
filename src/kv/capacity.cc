// SPDX-License-Identifier: Apache-2.0
#include "kv/capacity.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace llmos {
namespace {

constexpr double kOvercommitMax = 16;
constexpr uint64_t kBlocksMax = uint64_t{1} << 40;  // of all tiers: keeps every sum exact

}  // namespace

Result<Capacity> Capacity::create(const CapacityOptions& options) {
  if (options.device_blocks > kBlocksMax || options.tier_blocks > kBlocksMax) {
    return Status(
        Code::kInvalid,
        (Text() << "kv capacity: expected at most " << kBlocksMax << " blocks in a tier").str());
  }
  if (!(options.overcommit >= 1 && options.overcommit <= kOvercommitMax)) {
    return Status(Code::kInvalid, (Text() << "kv overcommit: expected 1 to " << kOvercommitMax
                                          << ", found " << options.overcommit)
                                      .str());
  }
  auto forecast = predict::ReserveForecast::create(
      {.short_share = options.short_share, .horizon = options.horizon, .factor = {}});
  if (!forecast) return forecast.status();
  return Capacity(options, *std::move(forecast));
}

Capacity::Capacity(const CapacityOptions& options, predict::ReserveForecast forecast)
    : options_(options),
      forecast_(std::move(forecast)),
      promised_max_(
          uint64_t(double(options.device_blocks + options.tier_blocks) * options.overcommit)) {}

void Capacity::observe(uint64_t blocks_in_use) {
  forecast_.observe(double(blocks_in_use));
  const auto wanted = uint64_t(std::ceil(std::min(forecast_.reserve(), double(kBlocksMax))));
  const uint64_t growth = wanted > blocks_in_use ? wanted - blocks_in_use : 0;
  const uint64_t most = options_.device_blocks > 0 ? options_.device_blocks - 1 : 0;
  low_ = std::min(growth, most);
  high_ = std::min(low_ + (low_ + 3) / 4, most);
}

bool Capacity::admit(std::string_view tenant, uint64_t blocks) {
  if (blocks > options_.device_blocks || blocks > promised_max_ - promised_) return false;
  const auto at = tenants_.find(tenant);
  const Tenant now = at == tenants_.end() ? Tenant() : at->second;
  const uint64_t quota = now.has_quota ? now.quota : options_.tenant_blocks;
  if (quota > 0 && (now.promised > quota || blocks > quota - now.promised)) return false;
  if (blocks == 0) return true;
  promised_ += blocks;
  (at == tenants_.end() ? tenants_[std::string(tenant)] : at->second).promised += blocks;
  return true;
}

void Capacity::release(std::string_view tenant, uint64_t blocks) {
  if (blocks == 0) return;
  const auto at = tenants_.find(tenant);
  LLMOS_CHECK(at != tenants_.end() && at->second.promised >= blocks)
      << "release of " << blocks << " blocks that were not promised";
  promised_ -= blocks;
  at->second.promised -= blocks;
  if (at->second.promised == 0 && !at->second.has_quota) tenants_.erase(at);
}

void Capacity::set_quota(std::string_view tenant, uint64_t blocks) {
  Tenant& entry = tenants_[std::string(tenant)];
  entry.quota = blocks;
  entry.has_quota = true;
}

uint64_t Capacity::promised(std::string_view tenant) const {
  const auto at = tenants_.find(tenant);
  return at == tenants_.end() ? 0 : at->second.promised;
}

}  // namespace llmos
