// SPDX-License-Identifier: Apache-2.0
#include "reply_text.h"

#include <bit>
#include <cstring>
#include <utility>

namespace server {
namespace {

using llmos::PositionScore;
using llmos::TokenId;

constexpr std::string_view kData = "data: ";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

const char* finish_text(llmos::Finish finish) {
  return finish == llmos::Finish::kLength ? "length" : "stop";
}

void write_usage(JsonWriter& json, const UsageSum& usage) {
  json.open('{').key("prompt_tokens").value(usage.prompt_tokens);
  json.key("completion_tokens").value(usage.output_tokens);
  json.key("total_tokens").value(usage.total());
  json.key("prompt_tokens_details").open('{');
  json.key("cached_tokens").value(usage.cached_tokens).close('}').close('}');
}

// Null where the token is a part of a character.
void write_bytes(JsonWriter& json, const std::string& text) {
  json.key("bytes");
  if (text.find(kReplacement) != text.npos) {
    json.null();
    return;
  }
  json.open('[');
  for (const char c : text) json.value(unsigned(uint8_t(c)));
  json.close(']');
}

uint64_t characters(std::string_view text) {
  uint64_t count = 0;
  for (const char c : text) count += (uint8_t(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

void UsageSum::add(const llmos::Usage& usage) {
  prompt_tokens += usage.prompt_tokens;
  cached_tokens += usage.cached_tokens;
  output_tokens += usage.output_tokens;
}

std::string token_text(const llmos::Tokenizer& tokenizer, TokenId id) {
  std::string text = tokenizer.decode({&id, 1}, {.skip_special = false}).value_or("");
  // Decoding takes the first blank of a text away where the tokenizer had put it there.
  constexpr std::string_view kBlank = "\xE2\x96\x81";
  const bool blank = tokenizer.token(id).starts_with(kBlank);
  return blank && !text.starts_with(' ') ? ' ' + text : text;
}

ReplyText::ReplyText(ReplyHead head, const llmos::Tokenizer& tokenizer)
    : head_(std::move(head)), tokenizer_(tokenizer) {
  JsonWriter json;
  json.open('{').key("id").value(head_.id);
  json.key("object").value(head_.chat ? "chat.completion.chunk" : "text_completion");
  json.key("created").value(head_.created).key("model").value(head_.model);
  json.key("choices").open('[');
  event_head_ = std::string(kData) + json.take();
}

void ReplyText::append_event_head(std::string& out, uint32_t index) const {
  out += event_head_;
  out += "{\"index\":";
  char digits[12];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, index).ptr);
}

void ReplyText::append_event_tail(std::string& out) const {
  out += head_.include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n";
}

void ReplyText::append_role(std::string& out, uint32_t index) const {
  if (!head_.chat) return;
  append_event_head(out, index);
  out +=
      ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
      "\"finish_reason\":null";
  append_event_tail(out);
}

void ReplyText::append_chunk(std::string& out, uint32_t index, const llmos::Chunk& chunk,
                             uint64_t& offset) const {
  if (chunk.text.empty() && !chunk.finish && (!head_.logprobs || chunk.scores.empty())) return;
  append_event_head(out, index);
  if (head_.chat) {
    out += ",\"delta\":{";
    if (!chunk.text.empty()) {
      out += "\"content\":";
      append_json_string(out, chunk.text);
    }
    out += '}';
  } else {
    out += ",\"text\":";
    append_json_string(out, chunk.text);
  }
  out += ",\"logprobs\":";
  if (head_.logprobs) {
    JsonWriter json;
    write_logprobs(json, chunk.scores, offset);
    out += json.str();
  } else {
    out += "null";
  }
  out += ",\"finish_reason\":";
  if (chunk.finish) {
    out += '"';
    out += finish_text(*chunk.finish);
    out += '"';
  } else {
    out += "null";
  }
  append_event_tail(out);
}

void ReplyText::append_usage(std::string& out, const UsageSum& usage) const {
  out += event_head_;
  JsonWriter json;
  write_usage(json, usage);
  out += "],\"usage\":" + json.str() + "}\n\n";
}

void ReplyText::append_error(std::string& out, std::string_view error_json) {
  out += kData;
  out += error_json;
  out += "\n\n";
}

void ReplyText::append_done(std::string& out) { out += "data: [DONE]\n\n"; }

std::string ReplyText::whole(std::span<const llmos::Output* const> outputs,
                             const UsageSum& usage) const {
  JsonWriter json;
  json.open('{').key("id").value(head_.id);
  json.key("object").value(head_.chat ? "chat.completion" : "text_completion");
  json.key("created").value(head_.created).key("model").value(head_.model);
  json.key("choices").open('[');
  uint32_t index = 0;
  for (const llmos::Output* output : outputs) {
    json.open('{').key("index").value(index++);
    if (head_.chat) {
      json.key("message").open('{').key("role").value("assistant");
      json.key("content").value(output->text).key("refusal").null().close('}');
    } else {
      json.key("text").value(output->text);
    }
    uint64_t offset = 0;
    json.key("logprobs");
    head_.logprobs ? write_logprobs(json, output->scores, offset) : void(json.null());
    json.key("finish_reason").value(finish_text(output->finish)).close('}');
  }
  json.close(']').key("usage");
  write_usage(json, usage);
  return json.close('}').take();
}

void ReplyText::write_logprobs(JsonWriter& json, std::span<const PositionScore> scores,
                               uint64_t& offset) const {
  // The token that ended the answer is no part of its text.
  if (!scores.empty() && tokenizer_.is_end(scores.back().id))
    scores = scores.first(scores.size() - 1);
  head_.chat ? write_chat_logprobs(json, scores) : write_completion_logprobs(json, scores, offset);
}

void ReplyText::write_chat_logprobs(JsonWriter& json, std::span<const PositionScore> scores) const {
  const auto write_token = [&](TokenId id, double logprob) {
    const std::string text = token_text(tokenizer_, id);
    json.key("token").value(text).key("logprob").value(logprob);
    write_bytes(json, text);
  };
  json.open('{').key("content").open('[');
  for (const PositionScore& score : scores) {
    json.open('{');
    write_token(score.id, score.logprob.value_or(0));
    json.key("top_logprobs").open('[');
    for (const llmos::TokenScore& top : score.top) {
      json.open('{');
      write_token(top.id, top.logprob);
      json.close('}');
    }
    json.close(']').close('}');
  }
  json.close(']').key("refusal").null().close('}');
}

void ReplyText::write_completion_logprobs(JsonWriter& json, std::span<const PositionScore> scores,
                                          uint64_t& offset) const {
  std::vector<std::string> texts;
  for (const PositionScore& score : scores) texts.push_back(token_text(tokenizer_, score.id));
  json.open('{').key("tokens").open('[');
  for (const std::string& text : texts) json.value(text);
  json.close(']').key("token_logprobs").open('[');
  for (const PositionScore& score : scores) json.value(score.logprob.value_or(0));
  json.close(']').key("top_logprobs").open('[');
  for (const PositionScore& score : scores) {
    json.open('{');
    for (const llmos::TokenScore& top : score.top) {
      json.key(token_text(tokenizer_, top.id)).value(top.logprob);
    }
    json.close('}');
  }
  json.close(']').key("text_offset").open('[');
  for (const std::string& text : texts) {
    json.value(offset);
    offset += characters(text);
  }
  json.close(']').close('}');
}

std::string base64_text(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "the API sends little-endian floats");
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), values.size_bytes());
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](size_t k) { return k < bytes.size() ? uint32_t(uint8_t(bytes[k])) : 0u; };
    const uint32_t word = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    text += kDigits[word >> 18];
    text += kDigits[word >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[word >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[word & 63] : '=';
  }
  return text;
}

std::string embeddings_text(std::span<const std::vector<float>> vectors, bool base64,
                            const std::string& model, uint64_t prompt_tokens) {
  JsonWriter json;
  json.open('{').key("object").value("list").key("data").open('[');
  uint32_t index = 0;
  for (const std::vector<float>& vector : vectors) {
    json.open('{').key("object").value("embedding").key("index").value(index++).key("embedding");
    if (base64) {
      json.value(base64_text(vector));
    } else {
      json.open('[');
      for (const float value : vector) json.value(value);
      json.close(']');
    }
    json.close('}');
  }
  json.close(']').key("model").value(model).key("usage").open('{');
  json.key("prompt_tokens").value(prompt_tokens).key("total_tokens").value(prompt_tokens);
  return json.close('}').close('}').take();
}

}  // namespace server
