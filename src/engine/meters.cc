// SPDX-License-Identifier: Apache-2.0
#include "engine/meters.h"

namespace llmos::engine {

Meters::Meters() {
  watch(submitted, "llmos_requests_submitted_total", "Requests accepted.");
  watch(refused, "llmos_requests_refused_total", "Requests refused at submit.");
  watch(completed, "llmos_requests_completed_total", "Requests that ended by themselves.");
  watch(cancelled, "llmos_requests_cancelled_total", "Requests cancelled or stalled.");
  watch(failed, "llmos_requests_failed_total", "Requests that failed or ran out of time.");
  watch(prompt_tokens, "llmos_prompt_tokens_total", "Prompt tokens computed.");
  watch(cached_tokens, "llmos_cached_tokens_total", "Prompt tokens taken from the prefix cache.");
  watch(output_tokens, "llmos_output_tokens_total", "Tokens generated.");
  watch(steps, "llmos_steps_total", "Steps computed.");
  watch(steps_failed, "llmos_steps_failed_total", "Steps rolled back.");
  watch(preemptions, "llmos_preemptions_total", "Sequences that had to make room.");
  watch(recomputed_tokens, "llmos_recomputed_tokens_total", "Tokens computed again.");
  watch(swapped_tokens, "llmos_swapped_tokens_total", "Tokens moved between tiers.");
  watch(swapped_bytes, "llmos_swapped_bytes_total", "Bytes moved between tiers.");
  watch(swap_failures, "llmos_swap_failures_total",
        "Blocks that were not written to a tier, or not read back as they were.");
  watch(swap_bytes, "llmos_swap_bytes", "Of keys and values on a lower tier.", true);
  watch(reopened, "llmos_device_reopened_total", "Times that the device was opened again.");
  watch(waiting, "llmos_sequences_waiting", "Sequences that wait.", true);
  watch(running, "llmos_sequences_running", "Sequences in device memory.", true);
  watch(swapped, "llmos_sequences_swapped", "Sequences on a lower tier.", true);
  watch(parked, "llmos_sequences_parked", "Sequences whose reader has stalled.", true);
  watch(kv_blocks, "llmos_kv_blocks", "Blocks of keys and values.", true);
  watch(kv_blocks_free, "llmos_kv_blocks_free", "Of those, free.", true);
  watch(kv_blocks_cached, "llmos_kv_blocks_cached", "Of those, kept for later requests.", true);
  watch(kv_blocks_pinned, "llmos_kv_blocks_pinned", "Blocks held by pinned prefixes.", true);
  watch(step, "llmos_step_seconds", "Duration of a step.");
  watch(planning, "llmos_planning_seconds", "Planning and bookkeeping of a step.");
  watch(scheduling_delay, "llmos_scheduling_delay_seconds", "From submission to the first step.");
  watch(first_token, "llmos_first_token_seconds", "From submission to the first token.");
  watch(token_gap, "llmos_token_gap_seconds", "Between tokens of one answer.");
  watch(total, "llmos_request_seconds", "From submission to the end.");
}

void Meters::watch(Tally& tally, const char* name, const char* help, bool gauge) {
  auto made = gauge ? registry_.watch_gauge(name, help, {}, [&] { return double(tally.get()); })
                    : registry_.watch_counter(name, help, {}, [&] { return tally.get(); });
  if (made.ok()) watches_.push_back(*std::move(made));
}

void Meters::watch(observe::Histogram& histogram, const char* name, const char* help) {
  auto made = registry_.watch_histogram(name, help, {}, [&] { return histogram.snapshot(); });
  if (made.ok()) watches_.push_back(*std::move(made));
}

uint32_t Meters::tenant_index(const std::string& name, uint32_t blocks_max) {
  const std::lock_guard lock(tenants_mutex_);
  if (const auto found = tenant_indices_.find(name); found != tenant_indices_.end()) {
    return found->second;
  }
  if (tenants_.size() == kTenantsMax) return kTenantsMax - 1;
  const auto index = uint32_t(tenants_.size());
  tenant_indices_.emplace(name, index);
  tenants_.push_back({.tenant = name, .kv_blocks_max = blocks_max});
  return index;
}

void Meters::add_tenant_use(uint32_t tenant, uint32_t prompt, uint32_t output,
                            double block_seconds) {
  const std::lock_guard lock(tenants_mutex_);
  TenantUse& use = tenants_[tenant];
  ++use.requests;
  use.prompt_tokens += prompt;
  use.output_tokens += output;
  use.kv_block_seconds += block_seconds;
}

Metrics Meters::snapshot() const {
  const double open_ns = double(now_ns.get() - started_ns.get());
  Metrics m{.submitted = submitted.get(),
            .refused = refused.get(),
            .completed = completed.get(),
            .cancelled = cancelled.get(),
            .failed = failed.get(),
            .prompt_tokens = prompt_tokens.get(),
            .cached_tokens = cached_tokens.get(),
            .output_tokens = output_tokens.get(),
            .steps = steps.get(),
            .steps_failed = steps_failed.get(),
            .preemptions = preemptions.get(),
            .recomputed_tokens = recomputed_tokens.get(),
            .swapped_tokens = swapped_tokens.get(),
            .swapped_bytes = swapped_bytes.get(),
            .swap_failures = swap_failures.get(),
            .reopened = reopened.get(),
            .waiting = uint32_t(waiting.get()),
            .running = uint32_t(running.get()),
            .swapped = uint32_t(swapped.get()),
            .parked = uint32_t(parked.get()),
            .swap_bytes = swap_bytes.get(),
            .kv_blocks = uint32_t(kv_blocks.get()),
            .kv_blocks_free = uint32_t(kv_blocks_free.get()),
            .kv_blocks_cached = uint32_t(kv_blocks_cached.get()),
            .kv_blocks_pinned = uint32_t(kv_blocks_pinned.get()),
            .kv_waste = double(kv_waste_ppm.get()) * 1e-6,
            .utilisation = open_ns > 0 ? double(busy_ns.get()) / open_ns : 0,
            .step = step.snapshot().latency(),
            .planning = planning.snapshot().latency(),
            .scheduling_delay = scheduling_delay.snapshot().latency(),
            .first_token = first_token.snapshot().latency(),
            .token_gap = token_gap.snapshot().latency(),
            .total = total.snapshot().latency()};
  for (const Tally& level : levels) m.waiting_by_level.push_back(uint32_t(level.get()));
  const std::lock_guard lock(tenants_mutex_);
  m.tenants = tenants_;
  for (size_t i = 0; i < m.tenants.size(); ++i) {
    m.tenants[i].kv_blocks = uint32_t(tenant_blocks[i].get());
  }
  return m;
}

}  // namespace llmos::engine
