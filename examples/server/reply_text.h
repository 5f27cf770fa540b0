// SPDX-License-Identifier: Apache-2.0
// Answers in the JSON of the OpenAI API: whole ones, and the events of a stream. No state of its
// own but what it was made with; one thread.
#pragma once

#include <llmos/request.h>
#include <llmos/tokenizer.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json_writer.h"

namespace server {

// What all answers to one request say.
struct ReplyHead {
  bool chat = false;
  std::string id{};  // "chatcmpl-..."
  std::string model{};
  int64_t created = 0;  // seconds since 1970
  bool logprobs = false;
  bool include_usage = false;
};

// Tokens of prompts and answers of one HTTP request.
struct UsageSum {
  uint64_t prompt_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t output_tokens = 0;
  void add(const llmos::Usage& usage);
  uint64_t total() const { return prompt_tokens + output_tokens; }
};

// The text of one token alone; bytes that are no whole character become U+FFFD.
std::string token_text(const llmos::Tokenizer& tokenizer, llmos::TokenId id);

class ReplyText {
 public:
  // `tokenizer` outlives this.
  ReplyText(ReplyHead head, const llmos::Tokenizer& tokenizer);

  // The events of a stream, each with "data: " before and an empty line behind it, appended to
  // `out`. `offset` counts the characters of the choice so far, for the logprobs of completions.
  void append_role(std::string& out, uint32_t index) const;
  void append_chunk(std::string& out, uint32_t index, const llmos::Chunk& chunk,
                    uint64_t& offset) const;
  void append_usage(std::string& out, const UsageSum& usage) const;
  static void append_error(std::string& out, std::string_view error_json);
  static void append_done(std::string& out);

  // The whole answer; `outputs` in the order of their indices.
  std::string whole(std::span<const llmos::Output* const> outputs, const UsageSum& usage) const;

 private:
  void append_event_head(std::string& out, uint32_t index) const;
  void append_event_tail(std::string& out) const;
  void write_logprobs(JsonWriter& json, std::span<const llmos::PositionScore> scores,
                      uint64_t& offset) const;
  void write_chat_logprobs(JsonWriter& json, std::span<const llmos::PositionScore> scores) const;
  void write_completion_logprobs(JsonWriter& json, std::span<const llmos::PositionScore> scores,
                                 uint64_t& offset) const;

  ReplyHead head_;
  const llmos::Tokenizer& tokenizer_;
  std::string event_head_;  // `data: {"id":...,"choices":[{"index":`
};

// {"object":"list","data":[{"object":"embedding","index","embedding"}],"model","usage"}
std::string embeddings_text(std::span<const std::vector<float>> vectors, bool base64,
                            const std::string& model, uint64_t prompt_tokens);
std::string base64_text(std::span<const float> values);

}  // namespace server
