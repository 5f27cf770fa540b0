// SPDX-License-Identifier: Apache-2.0
#include "api/c_hooks.h"

#include <algorithm>

#include "api/c_convert.h"

namespace llmos {
namespace {

static_assert(SchedulingRank::kLevels == LLMOS_LEVELS);

llmos_logits_context to_c(const LogitsContext& where) {
  return {.size = sizeof(llmos_logits_context),
          .request = where.request,
          .choice = where.choice,
          .prompt_tokens = where.prompt_tokens,
          .tokens = where.tokens.data(),
          .token_count = where.tokens.size()};
}

llmos_sequence_view to_c(const SequenceView& s) {
  return {.size = sizeof(llmos_sequence_view),
          .id = s.id,
          .tenant = s.tenant,
          .priority = s.priority,
          .prompt_tokens = s.prompt_tokens,
          .prompt_left = s.prompt_left,
          .output_tokens = s.output_tokens,
          .output_tokens_max = s.output_tokens_max,
          .held_tokens = s.held_tokens,
          .resident = s.resident,
          .output_tokens_hint = s.output_tokens_hint,
          .now = s.now,
          .arrival = s.arrival,
          .last_service = s.last_service,
          .served_seconds = s.served_seconds,
          .deadline = s.deadline,
          .level = s.rank.level,
          .key = s.rank.key};
}

llmos_scheduling_costs to_c(const SchedulingCosts& c) {
  return {.size = sizeof(llmos_scheduling_costs),
          .step = c.step,
          .prompt_token = c.prompt_token,
          .decode = c.decode,
          .context_token = c.context_token,
          .swap_token = c.swap_token,
          .slots = c.slots,
          .tokens_per_step = c.tokens_per_step,
          .kv_tokens = c.kv_tokens};
}

}  // namespace

CHooks::CHooks(const llmos_request& request)
    : logits_(request.logits_hook), ready_(request.ready), context_(request.hook_context) {
  status_ = read_sized("request_hooks", request.hooks, table_);
  if (status_.ok() && logits_ && table_.adjust) {
    status_ = Status(Code::kInvalid, "request: expected logits_hook or hooks.adjust, found both");
  }
}

void CHooks::adjust(const LogitsContext& where, std::span<float> logits) {
  if (logits_) return logits_(where.request, where.choice, logits.data(), logits.size(), context_);
  const llmos_logits_context context = to_c(where);
  table_.adjust(&context, logits.data(), logits.size(), table_.context);
}

bool CHooks::allow(const LogitsContext& where, std::span<uint64_t> mask) {
  const llmos_logits_context context = to_c(where);
  return table_.allow(&context, mask.data(), mask.size(), table_.context) != 0;
}

SchedulingRank CPolicy::rank(const SequenceView& sequence, const SchedulingCosts& costs) {
  const llmos_sequence_view view = to_c(sequence);
  const llmos_scheduling_costs prices = to_c(costs);
  llmos_scheduling_rank given = {sizeof given, 0, 0, 0, 0};
  table_.rank(&view, &prices, &given, table_.context);
  SchedulingRank rank{.level = given.level, .key = given.key};
  if (given.output_tokens_until > 0) rank.output_tokens_until = given.output_tokens_until;
  if (given.served_seconds_until > 0) rank.served_seconds_until = given.served_seconds_until;
  return rank;
}

void CPolicy::ended(const SequenceView& sequence, bool censored) {
  if (!table_.ended) return;
  const llmos_sequence_view view = to_c(sequence);
  table_.ended(&view, censored, table_.context);
}

bool CProgress::advance(const Progress& progress) {
  const double total = double(std::max<uint64_t>(progress.bytes_total, 1));
  return options_.progress(double(progress.bytes_done) / total, options_.progress_context) != 0;
}

}  // namespace llmos
