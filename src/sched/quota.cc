// SPDX-License-Identifier: Apache-2.0
// Scheduler: what the sequences of a tenant may take of the memory together.
#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "sched/scheduler_impl.h"

namespace llmos::sched {

uint64_t Scheduler::Impl::blocks_of(uint64_t tokens) const {
  const uint32_t size = config.quota_block_tokens;
  return (tokens + size - 1) / size;
}

Status Scheduler::Impl::check_quota(const Arrival& arrival) const {
  if (!quotas() || arrival.tenant_blocks_max == 0) return {};
  const uint64_t all =
      blocks_of(uint64_t{arrival.prompt_tokens} + std::max(1u, arrival.output_tokens_max));
  if (all <= arrival.tenant_blocks_max) return {};
  return {Code::kInvalid,
          (Text() << "scheduler: the request may need " << all
                  << " blocks for keys and values, and its tenant's quota is "
                  << arrival.tenant_blocks_max << "; shorten it or raise the tenant's quota")
              .str()};
}

void Scheduler::Impl::set_quota(const Arrival& arrival) {
  if (!quotas()) return;
  TenantState& tenant = tenants[std::min<size_t>(arrival.tenant, tenants.size() - 1)];
  tenant.quota = arrival.tenant_blocks_max ? arrival.tenant_blocks_max : TenantState::kNoQuota;
}

void Scheduler::Impl::recharge(const Sequence& s, uint32_t before, uint32_t after) {
  if (!quotas()) return;
  TenantState& tenant = tenants[s.view.tenant];
  tenant.blocks += blocks_of(after) - blocks_of(before);
  tenant.holders += uint32_t(after > 0) - uint32_t(before > 0);
}

// With a block more for each of its tenant's, so that entering puts nobody out.
bool Scheduler::Impl::quota_lets_enter(const Sequence& s) const {
  if (!quotas()) return true;
  const TenantState& tenant = tenants[s.view.tenant];
  const uint64_t own = blocks_of(uint64_t{need(s)} + s.tokens_per_step);
  return tenant.holders == 0 || tenant.blocks + own + tenant.holders <= tenant.quota;
}

bool Scheduler::Impl::quota_lets_grow(const Sequence& s) {
  if (!quotas()) return true;
  TenantState& tenant = tenants[s.view.tenant];
  const uint64_t more =
      blocks_of(uint64_t{s.reserved_tokens} + s.tokens_per_step) - blocks_of(s.reserved_tokens);
  if (tenant.blocks + more <= tenant.quota) return true;
  tenant.starved = true;
  return false;
}

// The worst of a tenant's sequences makes room where one of them could not grow.
void Scheduler::Impl::relieve_tenants(double now) {
  if (!quotas()) return;
  for (const uint32_t index : active_list) {
    TenantState& tenant = tenants[index];
    if (!std::exchange(tenant.starved, false) || tenant.holders < 2) continue;
    for (size_t i = system.size(); i-- > 0;) {
      const Sequence& s = records[system[i].index];
      if (s.view.tenant != index || s.stage != Stage::kResident || s.pinned) continue;
      if (s.planned_output > 0 || s.planned_prompt > 0) continue;
      evict(system[i].index, now);
      break;
    }
  }
}

void Scheduler::Impl::check_charges() const {
  std::vector<uint64_t> blocks(tenants.size()), holders(tenants.size());
  for (const Sequence& s : records) {
    if (s.stage == Stage::kFree || s.reserved_tokens == 0) continue;
    blocks[s.view.tenant] += blocks_of(s.reserved_tokens);
    ++holders[s.view.tenant];
  }
  for (size_t i = 0; i < tenants.size(); ++i) {
    LLMOS_CHECK(tenants[i].blocks == blocks[i] && tenants[i].holders == holders[i])
        << "tenant " << i << ": " << tenants[i].blocks << " blocks counted, " << blocks[i];
    LLMOS_CHECK(blocks[i] <= tenants[i].quota) << "tenant " << i << " is above its quota";
  }
}

// It waits for its own tenant, which no promotion can hasten: its wait counts anew.
void Scheduler::Impl::wait_anew(SequenceIndex index, double now) {
  stop_wait(index, now);
  start_wait(index, now);
}

bool Scheduler::Impl::FrontLater::operator()(uint32_t a, uint32_t b) const {
  const SequenceView& x = impl->records[impl->tenants[a].cursor].view;
  const SequenceView& y = impl->records[impl->tenants[b].cursor].view;
  if (x.rank.level != y.rank.level) return x.rank.level > y.rank.level;
  if (x.rank.key != y.rank.key) return x.rank.key > y.rank.key;
  return x.id > y.id;
}

// Without shares all wait in one order. With quotas they stand on their tenants' lines all the
// same, so that a tenant at its quota is passed over as a whole; here the lines are merged.
SequenceIndex Scheduler::Impl::next_merged() {
  while (!scan_tenants.empty()) {
    std::pop_heap(scan_tenants.begin(), scan_tenants.end(), FrontLater{this});
    TenantState& tenant = tenants[scan_tenants.back()];
    const SequenceIndex index = tenant.cursor;
    const bool enters = quota_lets_enter(records[index]);
    tenant.cursor = enters ? tenant.line.after(records, index) : kNoSequence;
    if (tenant.cursor == kNoSequence) {
      scan_tenants.pop_back();
    } else {
      std::push_heap(scan_tenants.begin(), scan_tenants.end(), FrontLater{this});
    }
    if (enters) return index;
  }
  return kNoSequence;
}

}  // namespace llmos::sched
