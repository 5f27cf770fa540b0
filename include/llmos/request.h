// SPDX-License-Identifier: Apache-2.0
// What a caller asks for, and what comes back.
//
//   engine.generate({.prompt = "Once upon a time", .sampling = {.temperature = 0}, .tokens_max =
//   64});
//   engine.generate({.prompt = std::vector<llmos::Message>{{.role = "user", .content = "Hello"}}});
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmos/extend.h"
#include "llmos/types.h"

namespace llmos {

struct TokenScore {
  TokenId id{};
  double logprob{};  // natural logarithm
};

// What the model thought of one token of a text.
struct PositionScore {
  TokenId id{};
  // Of the id, given all before it; the first token has nothing before it and no prediction.
  std::optional<double> logprob{};
  std::vector<TokenScore> top{};  // the most probable ids in its place, best first
};

struct TokenBias {
  TokenId id{};
  float bias{};  // added to the token's logit
};

// DRY: a penalty on tokens that would continue a repetition of what stands already. It costs
// multiplier * base^(length - allowed_length) of the logit, where `length` tokens before it repeat.
struct DrySampling {
  float multiplier{};  // 0: off; 0.8 is usual
  float base{1.75f};
  // Repetitions shorter than this are free.
  uint32_t allowed_length{2};
  // How many of the last tokens are searched; 0: all.
  uint32_t window{};
  // A repetition does not reach across a token whose text contains one of these.
  std::vector<std::string> breakers{"\n", ":", "\"", "*"};
};

// XTC: with this probability, drops all tokens that are at least `threshold` probable but the least
// probable of them, so that answers take unusual turns and stay sound.
struct XtcSampling {
  float probability{};  // 0: off
  float threshold{0.1f};
};

// Mirostat, version 2: keeps the surprise of the tokens near `tau` (bits). It takes the place of
// the filters top_k to xtc.
struct MirostatSampling {
  float tau{};      // 0: off; 5 is usual
  float eta{0.1f};  // how fast it corrects itself
};

// How the next token is chosen from the model's logits. First the logits are changed, in this
// order: bias, banned, repetition, presence, frequency, dry, the request's logits hook. Then the
// filters apply: temperature, top_k, typical_p, top_p, min_p, xtc (or mirostat); what is left is
// drawn from by its probabilities.
struct Sampling {
  // Divides the logits; 0: always the most probable token (of equal ones the lowest id). Lower is
  // safer, higher more varied.
  float temperature{1};
  // Keeps the k most probable tokens; 0: all.
  uint32_t top_k{};
  // Keeps the most probable tokens that together have at least this probability; 1: all.
  float top_p{1};
  // Keeps tokens at least this times as probable as the most probable one; 0: all.
  float min_p{};
  // Keeps the tokens whose surprise is nearest to the expected one, with this probability in all;
  // 1: all.
  float typical_p{1};
  // Divides the positive logits of tokens that the prompt or the answer has, and multiplies their
  // negative ones; 1: off. Above 1.3 answers fall apart.
  float repetition_penalty{1};
  // Subtracted from the logit of a token that the answer has, once; 0: off; negative: favours it.
  float presence_penalty{};
  // Subtracted for each time that the answer has it; 0: off.
  float frequency_penalty{};
  // How many of the last tokens the three penalties look at; 0: all.
  uint32_t penalty_window{};
  DrySampling dry{};
  XtcSampling xtc{};
  MirostatSampling mirostat{};
  std::vector<TokenBias> bias{};
  // Never chosen.
  std::vector<TokenId> banned{};
  // The same seed, model and prompt give the same tokens, whatever else runs.
  uint64_t seed{};
};

// A form that the answer must have; at most one is set.
struct Constraint {
  std::string json_schema{};
  std::string regex{};
  bool empty() const { return json_schema.empty() && regex.empty(); }
};

// One message of a conversation.
struct Message {
  std::string role{};  // "system", "user", "assistant", "tool"
  std::string content{};
  // An assistant's calls of tools, as a JSON array in the form of the OpenAI API; empty: none.
  std::string tool_calls{};
  // Which call a tool's message answers, and the tool's name; empty: does not apply.
  std::string tool_call_id{};
  std::string name{};
};

// Text, a conversation, or tokens. Text gets what the model wants around it (BOS).
using Prompt = std::variant<std::string, std::vector<Message>, std::vector<TokenId>>;

// What to do, with a default for all but the prompt.
struct Request {
  Prompt prompt{};
  Sampling sampling{};
  Constraint constraint{};
  // At most so many tokens of answer.
  uint32_t tokens_max{256};
  // The model's end tokens and the stop tokens are not chosen before so many tokens.
  uint32_t tokens_min{};
  // The model's end tokens are never chosen: for measurements.
  bool ignore_end{};
  // Ends where the text would contain one of these, which is then left out. At most 64, of 1 to
  // 1,024 bytes.
  std::vector<std::string> stop{};
  // Ends with one of these tokens.
  std::vector<TokenId> stop_tokens{};
  // So many answers to the same prompt, each with random numbers of its own.
  uint32_t choices{1};
  // The log-probability of each token of the answer, and of the `logprobs_top` most probable in its
  // place (at most 64): the model's own, before sampling changes them.
  bool logprobs{};
  uint32_t logprobs_top{};
  // The same for the tokens of the prompt. Computes the whole prompt, known or not.
  bool prompt_logprobs{};
  // Whose request it is: tenants share the engine fairly, and prompts are not shared across them.
  std::string tenant{};
  // Higher is more urgent; counts under the policy "priority".
  int32_t priority{};
  // Ends with kDeadline after so long; 0: never.
  Millis deadline{};
  // What the caller expects of the answer's length, in tokens; 0: no idea.
  double tokens_hint{};
  // For a conversation: descriptions of tools, a JSON array; and variables of the chat template, a
  // JSON object. Empty: none.
  std::string tools{};
  std::string template_variables{};
  // Recognises special tokens written out in a text prompt. Off for what a user typed.
  bool parse_special{true};
  // Changes the logits of each step; outlives the request. nullptr: none.
  LogitsHook* logits_hook{};
  // Says which tokens may come next; outlives the request. nullptr: all may.
  TokenMask* token_mask{};
  // Hears that the stream has something to read; outlives the stream. nullptr: nobody.
  Readiness* readiness{};
};

// What an image of a suspended request does not hold; as in Request.
struct Resumption {
  LogitsHook* logits_hook{};
  TokenMask* token_mask{};
  Readiness* readiness{};
};

// What one request took.
struct Usage {
  uint32_t prompt_tokens{};
  uint32_t cached_tokens{};      // of the prompt, taken from the prefix cache
  uint32_t recomputed_tokens{};  // after it had to make room
  uint32_t output_tokens{};      // of all choices
  uint32_t preemptions{};
  uint64_t bytes_swapped{};  // both ways
  uint32_t pinned_tokens{};  // of a prompt that was to be pinned: in whole blocks
  double kv_block_seconds{};
  Millis queued{};       // until its first step
  Millis first_token{};  // from the submission on
  Millis total{};
};

// One answer.
struct Output {
  std::string text{};
  // All that were drawn, the end token included.
  std::vector<TokenId> tokens{};
  std::vector<PositionScore> scores{};  // with Request::logprobs, one per token
  Finish finish{};
};

// The first choice is the reply itself, further ones are in `others`.
struct Reply : Output {
  uint64_t id{};
  std::vector<Output> others{};
  std::vector<PositionScore> prompt_scores{};  // with Request::prompt_logprobs
  Usage usage{};
};

// A piece of an answer: whole UTF-8 characters. Views are valid until the stream's next call.
struct Chunk {
  uint32_t choice{};
  std::string_view text{};  // may be empty: a character or a stop string may be under way
  std::span<const TokenId> tokens{};
  std::span<const PositionScore> scores{};  // with Request::logprobs, one per token
  std::optional<Finish> finish{};           // with the last chunk of a choice
};

enum class Pooling : uint8_t { kLast, kMean, kCls };

// A text to be turned into a vector.
struct EmbedRequest {
  Prompt prompt{};
  Pooling pooling{};
  bool normalise{true};  // to length 1
  std::string tenant{};
  int32_t priority{};
  Millis deadline{};
};

struct Embedding {
  std::vector<float> vector{};
  Usage usage{};
};

}  // namespace llmos
