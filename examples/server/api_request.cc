// SPDX-License-Identifier: Apache-2.0
#include "api_request.h"

#include <charconv>
#include <utility>

#include "json_fields.h"

namespace server {
namespace {

using llmos::TokenId;
using nlohmann::json;

// The defaults and ranges of the OpenAI API, which are not the engine's own.
constexpr uint32_t kCompletionTokensDefault = 16;
constexpr double kTemperatureMax = 2;
constexpr double kBiasMax = 100;
constexpr size_t kStopsMax = 64;

[[noreturn]] void refuse_count(const std::string& field, size_t most, size_t found) {
  refuse(field, "at most " + std::to_string(most) + " elements", found);
}

std::string indexed(const std::string& field, size_t index) {
  return field + "[" + std::to_string(index) + "]";
}

TokenId token_of(const json& value, const std::string& field) {
  constexpr auto kMost = uint64_t(std::numeric_limits<TokenId>::max());
  if (!value.is_number_unsigned() || value.get<uint64_t>() > kMost) {
    refuse(field, "a token id", value);
  }
  return TokenId(value.get<uint64_t>());
}

std::vector<TokenId> tokens_of(const json& list, const std::string& field) {
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const json& value : list) ids.push_back(token_of(value, indexed(field, ids.size())));
  return ids;
}

// A text, tokens, or a list of either.
std::vector<llmos::Prompt> prompts_of(const json& value, const std::string& field, size_t most) {
  std::vector<llmos::Prompt> prompts;
  if (value.is_string()) {
    prompts.emplace_back(value.get<std::string>());
    return prompts;
  }
  if (!value.is_array() || value.empty()) {
    refuse(field, "a string, token ids, or a list of either", value);
  }
  if (value[0].is_number()) {
    prompts.emplace_back(tokens_of(value, field));
    return prompts;
  }
  if (value.size() > most) refuse_count(field, most, value.size());
  for (const json& item : value) {
    const std::string name = indexed(field, prompts.size());
    if (item.is_string()) {
      prompts.emplace_back(item.get<std::string>());
    } else if (item.is_array()) {
      prompts.emplace_back(tokens_of(item, name));
    } else {
      refuse(name, "a string or token ids", item);
    }
  }
  return prompts;
}

void read_stop(Fields& fields, llmos::Request& request) {
  const json* stop = fields.take("stop");
  if (!stop) return;
  if (stop->is_string()) {
    request.stop.push_back(stop->get<std::string>());
    return;
  }
  if (!stop->is_array()) refuse("stop", "a string or a list of strings", *stop);
  if (stop->size() > kStopsMax) refuse_count("stop", kStopsMax, stop->size());
  for (const json& item : *stop) {
    if (!item.is_string()) refuse(indexed("stop", request.stop.size()), "a string", item);
    request.stop.push_back(item.get<std::string>());
  }
}

void read_bias(Fields& fields, llmos::Sampling& sampling) {
  const json* biases = fields.take("logit_bias");
  if (!biases) return;
  if (!biases->is_object()) refuse("logit_bias", "an object", *biases);
  if (biases->size() > kBiasesMax) refuse_count("logit_bias", kBiasesMax, biases->size());
  for (const auto& [key, value] : biases->items()) {
    TokenId id = 0;
    const auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (failed != std::errc() || end != key.data() + key.size() || id < 0) {
      refuse("logit_bias", "token ids as names", json(key));
    }
    if (!value.is_number() || !(std::abs(value.get<double>()) <= kBiasMax)) {
      refuse("logit_bias." + key, "a number from -100 to 100", value);
    }
    sampling.bias.push_back({id, value.get<float>()});
  }
}

void read_sampling(Fields& fields, GenerateRequest& out) {
  llmos::Sampling& s = out.request.sampling;
  s.temperature = float(fields.number("temperature", 1, 0, kTemperatureMax));
  s.top_p = float(fields.number("top_p", 1, 0, 1));
  s.presence_penalty = float(fields.number("presence_penalty", 0, -2, 2));
  s.frequency_penalty = float(fields.number("frequency_penalty", 0, -2, 2));
  // What the OpenAI API does not have and other servers do, by their names.
  s.top_k = uint32_t(fields.natural("top_k", 0, 0, std::numeric_limits<uint32_t>::max()));
  s.min_p = float(fields.number("min_p", 0, 0, 1));
  s.typical_p = float(fields.number("typical_p", 1, 0, 1));
  s.repetition_penalty = float(fields.number("repetition_penalty", 1, 0.01, 10));
  if (const json* seed = fields.take("seed")) {
    if (!seed->is_number_integer()) refuse("seed", "an integer", *seed);
    out.seeded = true;
    s.seed = seed->get<uint64_t>();
  }
  read_bias(fields, s);
}

void read_streaming(Fields& fields, GenerateRequest& out) {
  out.stream = fields.boolean("stream", false);
  const json* options = fields.take("stream_options");
  if (!options) return;
  if (!out.stream) refuse("stream_options", "it only beside \"stream\": true", *options);
  Fields inner(*options, "stream_options.");
  out.include_usage = inner.boolean("include_usage", false);
  inner.expect("include_obfuscation", false);
  inner.finish();
}

// What both kinds of generation have.
void read_common(Fields& fields, GenerateRequest& out) {
  llmos::Request& request = out.request;
  out.model = fields.text("model");
  read_sampling(fields, out);
  read_stop(fields, request);
  read_streaming(fields, out);
  request.choices = uint32_t(fields.natural("n", 1, 1, kChoicesMax));
  request.tokens_min = uint32_t(fields.natural("min_tokens", 0, 0, UINT32_MAX));
  request.ignore_end = fields.boolean("ignore_eos", false);
  if (const json* ids = fields.take("stop_token_ids")) {
    if (!ids->is_array()) refuse("stop_token_ids", "a list of token ids", *ids);
    request.stop_tokens = tokens_of(*ids, "stop_token_ids");
  }
  fields.ignore("user");      // whose request it is, the key says
  fields.ignore("metadata");  // for stored answers, of which there are none
  fields.expect("store", false);
}

void set_token_bounds(llmos::Request& request, uint64_t most) {
  request.tokens_max = uint32_t(most);
  if (request.tokens_min > request.tokens_max) {
    refuse("min_tokens", "at most the most tokens (" + std::to_string(most) + ")",
           request.tokens_min);
  }
}

// A string, or parts that are all text.
std::string content_of(const json& content, const std::string& field) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) refuse(field, "a string or a list of parts", content);
  std::string text;
  size_t index = 0;
  for (const json& part : content) {
    const std::string name = indexed(field, index++);
    Fields fields(part, name + ".");
    if (fields.text("type") != "text") refuse_unsupported(fields.path("type"));
    text += fields.text("text");
    fields.finish();
  }
  return text;
}

llmos::Message message_of(const json& value, const std::string& name) {
  Fields fields(value, name + ".");
  llmos::Message message;
  const json* role = fields.take("role");
  if (!role || !role->is_string()) {
    refuse(fields.path("role"), "a string", role ? *role : json());
  }
  message.role = role->get<std::string>();
  if (const json* content = fields.take("content")) {
    message.content = content_of(*content, fields.path("content"));
  }
  if (const json* calls = fields.take("tool_calls")) {
    if (!calls->is_array()) refuse(fields.path("tool_calls"), "a list", *calls);
    message.tool_calls = calls->dump();
  }
  message.tool_call_id = fields.text("tool_call_id");
  message.name = fields.text("name");
  // An answer of ours that comes back as a part of the conversation carries these.
  fields.ignore("refusal");
  if (const json* annotations = fields.take("annotations"); annotations && !annotations->empty()) {
    refuse_unsupported(fields.path("annotations"));
  }
  fields.finish();
  return message;
}

std::vector<llmos::Message> messages_of(Fields& fields) {
  const json* list = fields.take("messages");
  if (!list || !list->is_array() || list->empty()) {
    refuse("messages", "a list of at least one message", list ? *list : json());
  }
  if (list->size() > kMessagesMax) refuse_count("messages", kMessagesMax, list->size());
  std::vector<llmos::Message> messages;
  for (const json& item : *list) {
    messages.push_back(message_of(item, indexed("messages", messages.size())));
  }
  return messages;
}

void read_chat_logprobs(Fields& fields, llmos::Request& request) {
  request.logprobs = fields.boolean("logprobs", false);
  request.logprobs_top = uint32_t(fields.natural("top_logprobs", 0, 0, kTopLogprobsMax));
  if (request.logprobs_top > 0 && !request.logprobs) {
    refuse("top_logprobs", "it only beside \"logprobs\": true", request.logprobs_top);
  }
}

// Without a bound of its own an answer may fill the context.
uint64_t chat_tokens_max(Fields& fields) {
  const uint64_t old_name = fields.natural("max_tokens", UINT32_MAX, 1, UINT32_MAX);
  return fields.natural("max_completion_tokens", old_name, 1, UINT32_MAX);
}

GenerateRequest read_chat(std::string_view body) {
  const json object = parse_object(body);
  Fields fields(object);
  GenerateRequest out;
  out.chat = true;
  out.prompts.emplace_back(messages_of(fields));
  read_common(fields, out);
  set_token_bounds(out.request, chat_tokens_max(fields));
  read_chat_logprobs(fields, out.request);
  if (const json* variables = fields.take("chat_template_kwargs")) {
    if (!variables->is_object()) refuse("chat_template_kwargs", "an object", *variables);
    out.request.template_variables = variables->dump();
  }
  fields.expect("response_format", json{{"type", "text"}});
  fields.expect("tools", json::array());
  fields.expect("tool_choice", "none");
  fields.expect("modalities", json::array({"text"}));
  fields.expect("service_tier", "auto");
  fields.finish();
  return out;
}

GenerateRequest read_completion(std::string_view body) {
  const json object = parse_object(body);
  Fields fields(object);
  GenerateRequest out;
  const json* prompt = fields.take("prompt");
  if (!prompt) refuse("prompt", "a string, token ids, or a list of either", json());
  out.prompts = prompts_of(*prompt, "prompt", kPromptsMax);
  read_common(fields, out);
  set_token_bounds(out.request,
                   fields.natural("max_tokens", kCompletionTokensDefault, 1, UINT32_MAX));
  if (fields.take("logprobs")) {
    out.request.logprobs = true;
    out.request.logprobs_top = uint32_t(fields.natural("logprobs", 0, 0, kTopLogprobsMax));
  }
  fields.expect("best_of", out.request.choices);
  fields.expect("suffix", "");
  fields.expect("echo", false);
  fields.finish();
  return out;
}

EmbeddingsRequest read_embeddings(std::string_view body) {
  const json object = parse_object(body);
  Fields fields(object);
  EmbeddingsRequest out;
  out.model = fields.text("model");
  const json* input = fields.take("input");
  if (!input) refuse("input", "a string, token ids, or a list of either", json());
  out.inputs = prompts_of(*input, "input", kEmbedInputsMax);
  const std::string format = fields.text("encoding_format", "float");
  if (format != "float" && format != "base64") {
    refuse("encoding_format", "\"float\" or \"base64\"", format);
  }
  out.base64 = format == "base64";
  fields.ignore("user");
  fields.finish();
  return out;
}

TokenizeRequest read_tokenize(std::string_view body) {
  const json object = parse_object(body);
  Fields fields(object);
  TokenizeRequest out;
  out.model = fields.text("model");
  const json* text = fields.take("prompt");
  if (!text || !text->is_string()) refuse("prompt", "a string", text ? *text : json());
  out.text = text->get<std::string>();
  out.add_special = fields.boolean("add_special_tokens", true);
  out.pieces = fields.boolean("return_token_strs", false);
  fields.finish();
  return out;
}

template <class T>
OrError<T> guarded(T (*read)(std::string_view), std::string_view body) try {
  return read(body);
} catch (ApiError& error) {
  return std::move(error);
}

}  // namespace

OrError<GenerateRequest> parse_chat_request(std::string_view body) {
  return guarded(read_chat, body);
}

OrError<GenerateRequest> parse_completion_request(std::string_view body) {
  return guarded(read_completion, body);
}

OrError<EmbeddingsRequest> parse_embeddings_request(std::string_view body) {
  return guarded(read_embeddings, body);
}

OrError<TokenizeRequest> parse_tokenize_request(std::string_view body) {
  return guarded(read_tokenize, body);
}

}  // namespace server
