// SPDX-License-Identifier: Apache-2.0
#include "api/request_check.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "decode/sampling_options.h"

namespace llmos {
namespace {

constexpr uint32_t kTopsMax = 64;

Status invalid(const std::string& what, const std::string& expected, const std::string& found) {
  return {Code::kInvalid, what + ": expected " + expected + ", found " + found};
}

Status check_count(const char* what, size_t count, size_t least, size_t most) {
  if (count >= least && count <= most) return {};
  return invalid(what, std::to_string(least) + " to " + std::to_string(most),
                 std::to_string(count));
}

Status check_ids(const char* what, std::span<const TokenId> ids, uint32_t vocabulary) {
  for (const TokenId id : ids) {
    if (id >= 0 && uint32_t(id) < vocabulary) continue;
    return invalid(what, "ids from 0 to " + std::to_string(vocabulary - 1), std::to_string(id));
  }
  return {};
}

Status check_stops(const Request& request, uint32_t vocabulary) {
  if (Status status = check_count("stop", request.stop.size(), 0, kStopStringsMax); !status.ok()) {
    return status;
  }
  for (const std::string& stop : request.stop) {
    Status status = check_count("bytes of a stop string", stop.size(), 1, kStopStringBytesMax);
    if (!status.ok()) return status;
  }
  Status status = check_count("stop_tokens", request.stop_tokens.size(), 0, kStopTokensMax);
  if (!status.ok()) return status;
  return check_ids("stop_tokens", request.stop_tokens, vocabulary);
}

Status check_numbers(const Request& request, const RequestLimits& limits) {
  const uint32_t most = std::min(kChoicesMax, limits.choices_max);
  if (Status s = check_count("choices", request.choices, 1, most); !s.ok()) return s;
  if (Status s = check_count("tokens_max", request.tokens_max, 1, UINT32_MAX); !s.ok()) return s;
  if (request.tokens_min > request.tokens_max) {
    return invalid("tokens_min", "at most tokens_max", std::to_string(request.tokens_min));
  }
  if (Status s = check_count("logprobs_top", request.logprobs_top, 0, kTopsMax); !s.ok()) return s;
  if (request.deadline.count() < 0) {
    return invalid("deadline", "no negative time", std::to_string(request.deadline.count()));
  }
  if (!(request.tokens_hint >= 0) || !std::isfinite(request.tokens_hint)) {
    return invalid("tokens_hint", "a number from 0 on", std::to_string(request.tokens_hint));
  }
  return check_count("bytes of the tenant's name", request.tenant.size(), 0, kTenantBytesMax);
}

Result<Json> parse_field(const char* name, const std::string& text) {
  Result<Json> parsed = parse_json(text, {.bytes_max = kPromptBytesMax});
  if (parsed.ok()) return parsed;
  return Status(Code::kInvalid, std::string(name) + ": " + parsed.status().message());
}

Status check_messages(const std::vector<Message>& messages, const Request& request) {
  if (messages.empty()) return {Code::kInvalid, "prompt: expected a message, found none"};
  if (Status s = check_count("messages", messages.size(), 1, kMessagesMax); !s.ok()) return s;
  size_t bytes = request.tools.size() + request.template_variables.size();
  for (const Message& m : messages) {
    bytes += m.role.size() + m.content.size() + m.tool_calls.size() + m.name.size();
  }
  return check_count("bytes of the conversation", bytes, 0, kPromptBytesMax);
}

// A conversation as the chat template takes it.
Result<std::string> messages_json(const std::vector<Message>& messages) {
  Json list = Json::array();
  for (const Message& message : messages) {
    Json& item = list.push_back(Json::object());
    item.set("role", message.role);
    item.set("content", message.content);
    if (!message.tool_calls.empty()) {
      Result<Json> calls = parse_field("tool_calls", message.tool_calls);
      if (!calls.ok()) return calls.status();
      item.set("tool_calls", *std::move(calls));
    }
    if (!message.tool_call_id.empty()) item.set("tool_call_id", message.tool_call_id);
    if (!message.name.empty()) item.set("name", message.name);
  }
  return list.dump();
}

Result<std::vector<TokenId>> chat_tokens(const std::vector<Message>& messages,
                                         const Request& request, const Tokenizer& tokenizer) {
  if (Status status = check_messages(messages, request); !status.ok()) return status;
  const Result<std::string> json = messages_json(messages);
  if (!json.ok()) return json.status();
  const Result<std::string> text = tokenizer.render_chat(
      {.messages = *json, .tools = request.tools, .variables = request.template_variables});
  if (!text.ok()) return Status(Code::kInvalid, "prompt: " + text.status().message());
  // The template has written what stands around a conversation.
  return tokenizer.encode(*text, {.add_special = false});
}

// Ids of tokens whose text has one of the breakers in it.
std::vector<TokenId> breaker_ids(const DrySampling& dry, const Tokenizer* tokenizer) {
  std::vector<TokenId> ids;
  if (dry.multiplier == 0 || !tokenizer) return ids;
  for (TokenId id = 0; size_t(id) < tokenizer->vocabulary_size(); ++id) {
    const std::string text = tokenizer->decode({&id, 1}, {.skip_special = false}).value_or("");
    const auto has = [&](const std::string& breaker) { return text.find(breaker) != text.npos; };
    if (std::any_of(dry.breakers.begin(), dry.breakers.end(), has)) ids.push_back(id);
  }
  return ids;
}

Status make_samplers(engine::Work& work, const RequestLimits& limits) {
  const Sampling& sampling = work.request.sampling;
  if (Status status = check_sampling(sampling, limits.vocabulary); !status.ok()) return status;
  const std::vector<TokenId> breakers = breaker_ids(sampling.dry, limits.tokenizer);
  for (uint32_t choice = 0; choice < work.request.choices; ++choice) {
    Result<Sampler> sampler = Sampler::create(sampling, limits.vocabulary, choice, breakers);
    if (!sampler.ok()) return sampler.status();
    work.samplers.push_back(*std::move(sampler));
  }
  return {};
}

// Tokens that one sequence of the tenant can have.
uint32_t tenant_room(const std::string& tenant, const RequestLimits& limits) {
  const uint32_t blocks = limits.tenants.of(tenant).blocks_max;
  if (blocks == 0) return limits.context;
  return uint32_t(std::min<uint64_t>(limits.context, uint64_t{blocks} * limits.block_tokens));
}

void set_ends(engine::Work& work, const RequestLimits& limits) {
  const Request& request = work.request;
  work.ends = request.stop_tokens;
  work.ends.insert(work.ends.end(), limits.model_ends.begin(), limits.model_ends.end());
  std::sort(work.ends.begin(), work.ends.end());
  if (request.ignore_end) {
    work.forbidden_first = limits.model_ends;
  } else if (request.tokens_min > 0) {
    work.forbidden_first = work.ends;
  }
}

}  // namespace

Result<std::vector<TokenId>> prompt_tokens(const Request& request, const RequestLimits& limits) {
  std::vector<TokenId> tokens;
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&request.prompt)) {
    if (Status s = check_ids("prompt", *ids, limits.vocabulary); !s.ok()) return s;
    tokens = *ids;
  } else if (!limits.tokenizer) {
    return Status(Code::kInvalid, "prompt: expected token ids, for the model has no tokenizer");
  } else if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    if (Status s = check_count("bytes of the prompt", text->size(), 1, kPromptBytesMax); !s.ok()) {
      return s;
    }
    tokens = limits.tokenizer->encode(*text, {.parse_special = request.parse_special});
  } else {
    auto made =
        chat_tokens(std::get<std::vector<Message>>(request.prompt), request, *limits.tokenizer);
    if (!made.ok()) return made.status();
    tokens = *std::move(made);
  }
  if (tokens.empty()) return Status(Code::kInvalid, "prompt: expected at least one token");
  if (tokens.size() >= limits.context) {
    return Status(
        Code::kInvalid,
        (Text() << "prompt: expected fewer than " << limits.context
                << " tokens (the context, or what the cache holds), found " << tokens.size())
            .str());
  }
  return tokens;
}

Result<std::unique_ptr<engine::Work>> prepare_request(Request request, const RequestLimits& limits,
                                                      uint64_t id, Instant now) {
  if (!request.constraint.empty()) {
    return Status(Code::kUnsupported, "constraint: this build cannot constrain answers yet");
  }
  if (Status status = check_numbers(request, limits); !status.ok()) return status;
  if (Status status = check_stops(request, limits.vocabulary); !status.ok()) return status;
  auto work = std::make_unique<engine::Work>();
  work->request = std::move(request);
  if (Status status = make_samplers(*work, limits); !status.ok()) return status;
  Result<std::vector<TokenId>> tokens = prompt_tokens(work->request, limits);
  if (!tokens.ok()) return tokens.status();
  const uint32_t room = tenant_room(work->request.tenant, limits);
  if (tokens->size() >= room) {
    return Status(Code::kInvalid, (Text() << "prompt: expected fewer than " << room
                                          << " tokens, which is its tenant's quota of keys and "
                                             "values, found "
                                          << tokens->size())
                                      .str());
  }
  work->id = id;
  work->prompt = *std::move(tokens);
  Request& r = work->request;
  r.prompt = std::string();
  r.tokens_max = std::min(r.tokens_max, room - uint32_t(work->prompt.size()));
  r.tokens_min = std::min(r.tokens_min, r.tokens_max);
  set_ends(*work, limits);
  for (uint32_t choice = 0; !r.stop.empty() && choice < r.choices; ++choice) {
    work->stop_texts.emplace_back(limits.tokenizer, work->prompt, r.stop);
  }
  work->stream = std::make_shared<engine::StreamState>(
      id, limits.stream_tokens, r.choices, r.logprobs ? r.logprobs_top : 0, r.readiness);
  work->submitted = now;
  if (r.deadline.count() > 0) {
    const auto left = Instant::max() - now;
    work->deadline = r.deadline < std::chrono::duration_cast<Millis>(left)
                         ? now + std::chrono::duration_cast<Nanos>(r.deadline)
                         : Instant::max();
  }
  return work;
}

}  // namespace llmos
