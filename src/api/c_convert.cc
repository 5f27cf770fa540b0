// SPDX-License-Identifier: Apache-2.0
#include "api/c_convert.h"

#include <utility>
#include <vector>

namespace llmos {
namespace {

std::string text_or_empty(const char* text) { return text ? std::string(text) : std::string(); }

// Arrays come as a pointer and a count.
Status check_arrays(const llmos_request& c) {
  const struct {
    const char* name;
    const void* items;
    size_t count;
  } arrays[] = {{"bias", c.bias, c.bias_count},
                {"banned", c.banned, c.banned_count},
                {"stop", c.stop, c.stop_count},
                {"stop_tokens", c.stop_tokens, c.stop_token_count},
                {"dry_breakers", c.dry_breakers, c.dry_breaker_count},
                {"messages", c.messages, c.message_count},
                {"tokens", c.tokens, c.token_count}};
  for (const auto& array : arrays) {
    if (array.count > 0 && !array.items) {
      return {Code::kInvalid, std::string(array.name) + ": expected a pointer, found NULL"};
    }
  }
  return {};
}

Sampling to_sampling(const llmos_request& c) {
  Sampling s{.temperature = c.temperature,
             .top_k = c.top_k,
             .top_p = c.top_p,
             .min_p = c.min_p,
             .typical_p = c.typical_p,
             .repetition_penalty = c.repetition_penalty,
             .presence_penalty = c.presence_penalty,
             .frequency_penalty = c.frequency_penalty,
             .penalty_window = c.penalty_window,
             .seed = c.seed};
  s.dry.multiplier = c.dry_multiplier;
  s.dry.base = c.dry_base;
  s.dry.allowed_length = c.dry_allowed_length;
  s.dry.window = c.dry_window;
  if (c.dry_breakers) s.dry.breakers.clear();
  for (size_t i = 0; i < c.dry_breaker_count; ++i) {
    s.dry.breakers.push_back(text_or_empty(c.dry_breakers[i]));
  }
  s.xtc = {.probability = c.xtc_probability, .threshold = c.xtc_threshold};
  s.mirostat = {.tau = c.mirostat_tau, .eta = c.mirostat_eta};
  for (size_t i = 0; i < c.bias_count; ++i) s.bias.push_back({c.bias[i].id, c.bias[i].bias});
  if (c.banned_count) s.banned.assign(c.banned, c.banned + c.banned_count);
  return s;
}

Result<Prompt> to_prompt(const llmos_request& c) {
  if ((c.prompt != nullptr) + (c.messages != nullptr) + (c.tokens != nullptr) != 1) {
    return Status(Code::kInvalid, "request: expected exactly one of prompt, messages and tokens");
  }
  if (c.prompt) return Prompt(std::string(c.prompt));
  if (c.tokens) return Prompt(std::vector<TokenId>(c.tokens, c.tokens + c.token_count));
  std::vector<Message> messages;
  for (size_t i = 0; i < c.message_count; ++i) {
    const llmos_message& m = c.messages[i];
    messages.push_back({.role = text_or_empty(m.role),
                        .content = text_or_empty(m.content),
                        .tool_calls = text_or_empty(m.tool_calls),
                        .tool_call_id = text_or_empty(m.tool_call_id),
                        .name = text_or_empty(m.name)});
  }
  return Prompt(std::move(messages));
}

}  // namespace

Result<EngineOptions> to_options(const llmos_engine_options& c) {
  if (c.tenant_count > 0 && !c.tenants) {
    return Status(Code::kInvalid, "tenants: expected a pointer, found NULL");
  }
  EngineOptions options;
  options.threads = c.threads;
  options.context = c.context;
  options.kernels = text_or_empty(c.kernels);
  options.cache.bytes = c.cache_bytes;
  options.cache.kv_type = text_or_empty(c.kv_type);
  options.scheduler.policy = text_or_empty(c.policy);
  options.scheduler.sequences_max = c.sequences_max;
  options.scheduler.step_tokens = c.step_tokens;
  if (c.queue_max) options.scheduler.queue_max = c.queue_max;
  if (c.stream_tokens) options.stream_tokens = c.stream_tokens;
  if (c.reader_stall_ms_max) options.reader_stall_max = Millis(c.reader_stall_ms_max);
  if (c.block_tokens) options.cache.block_tokens = c.block_tokens;
  options.cache.prefix = c.no_prefix_cache == 0;
  options.scheduler.waiting_max = Millis(c.waiting_ms_max);
  options.overlap = c.overlap != 0;
  options.tenants.each = {c.tenant_kv_bytes_max, c.tenant_kv_share_max, c.tenant_queue_max};
  for (size_t i = 0; i < c.tenant_count; ++i) {
    const llmos_tenant_limit& t = c.tenants[i];
    options.tenants.named.push_back(
        {text_or_empty(t.tenant), {t.kv_bytes_max, t.kv_share_max, t.queue_max}});
  }
  options.cache.swap_directory = text_or_empty(c.swap_directory);
  options.cache.swap_bytes = c.swap_bytes;
  options.cache.prefix_directory = text_or_empty(c.prefix_directory);
  return options;
}

Result<Request> to_request(const llmos_request& c) {
  if (Status status = check_arrays(c); !status.ok()) return status;
  Result<Prompt> prompt = to_prompt(c);
  if (!prompt.ok()) return prompt.status();
  Request request{.prompt = *std::move(prompt),
                  .sampling = to_sampling(c),
                  .tokens_max = c.tokens_max,
                  .tokens_min = c.tokens_min,
                  .ignore_end = c.ignore_end != 0,
                  .choices = c.choices,
                  .logprobs = c.logprobs != 0,
                  .logprobs_top = c.logprobs_top,
                  .prompt_logprobs = c.prompt_logprobs != 0,
                  .tenant = text_or_empty(c.tenant),
                  .priority = c.priority,
                  .deadline = Millis(c.deadline_ms),
                  .tokens_hint = c.tokens_hint,
                  .tools = text_or_empty(c.tools),
                  .template_variables = text_or_empty(c.template_variables),
                  .parse_special = c.no_special_tokens == 0};
  for (size_t i = 0; i < c.stop_count; ++i) request.stop.push_back(text_or_empty(c.stop[i]));
  if (c.stop_token_count) {
    request.stop_tokens.assign(c.stop_tokens, c.stop_tokens + c.stop_token_count);
  }
  return request;
}

}  // namespace llmos
