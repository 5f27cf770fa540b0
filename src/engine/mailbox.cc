// SPDX-License-Identifier: Apache-2.0
#include "engine/mailbox.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace llmos::engine {

Status Mailbox::post_work(std::unique_ptr<Work>& work) {
  posting_.fetch_add(1);
  const Status status = try_post(work);
  posting_.fetch_sub(1);
  if (status.ok()) wake();
  return status;
}

Status Mailbox::try_post(std::unique_ptr<Work>& work) {
  if (closed()) return {Code::kCancelled, "the engine accepts no more requests: it is draining"};
  const uint32_t choices = uint32_t(work->samplers.size());
  const std::string tenant = work->request.tenant;  // the work may be gone when it is needed
  if (Status status = enter_tenant_queue(tenant, choices); !status.ok()) return status;
  const uint32_t before = waiting_.fetch_add(choices);
  if (before + choices > queue_max_ || !work_.try_push(std::move(work))) {
    waiting_.fetch_sub(choices);
    leave_tenant_queue(tenant, choices);
    return {Code::kExhausted, (Text() << "the queue is full: expected room for " << choices
                                      << " more, found " << before << " of " << queue_max_
                                      << " waiting; try again later, or raise queue_max")
                                  .str()};
  }
  return {};
}

Status Mailbox::enter_tenant_queue(const std::string& tenant, uint32_t sequences) {
  if (!bounds_tenants_) return {};
  const uint32_t most = limits_.of(tenant).queue_max;
  const std::lock_guard lock(tenants_mutex_);
  uint32_t& waiting = waiting_of_[tenant];
  if (most > 0 && waiting + sequences > most) {
    const uint32_t found = waiting;
    if (found == 0) waiting_of_.erase(tenant);
    return {Code::kExhausted, (Text() << "the tenant's queue is full: expected room for "
                                      << sequences << " more, found " << found << " of " << most
                                      << " waiting; try again when some of its requests have ended")
                                  .str()};
  }
  waiting += sequences;
  return {};
}

void Mailbox::leave_tenant_queue(std::string_view tenant, uint32_t sequences) noexcept {
  if (!bounds_tenants_) return;
  const std::lock_guard lock(tenants_mutex_);
  const auto found = waiting_of_.find(tenant);
  if (found == waiting_of_.end()) return;
  found->second -= std::min(found->second, sequences);
  if (found->second == 0) waiting_of_.erase(found);
}

void Mailbox::left_queue(uint32_t sequences, std::string_view tenant) noexcept {
  waiting_.fetch_sub(sequences);
  leave_tenant_queue(tenant, sequences);
}

void Mailbox::publish(const sched::Load& load, const SchedulingCosts& costs,
                      double wait_seconds_max) {
  const std::lock_guard lock(load_mutex_);
  load_known_ = true;
  load_ = load;
  costs_ = costs;
  wait_seconds_max_ = wait_seconds_max;
}

Status Mailbox::admit(const Work& work, Instant now) const {
  const std::lock_guard lock(load_mutex_);
  if (!load_known_) return {};
  const double left = work.deadline == Instant::max()
                          ? std::numeric_limits<double>::infinity()
                          : std::chrono::duration<double>(work.deadline - now).count();
  return sched::admit({.prompt_tokens = uint32_t(work.prompt.size()),
                       .output_tokens_max = work.request.tokens_max,
                       .output_tokens_hint = work.request.tokens_hint,
                       .deadline = left},
                      load_, costs_,
                      {.queue_max = queue_max_, .wait_seconds_max = wait_seconds_max_}, 0);
}

void Mailbox::post_note(StreamNote note) noexcept {
  if (!notes_.try_push(std::move(note))) sweep_.store(true, std::memory_order_release);
  wake();
}

}  // namespace llmos::engine
