// SPDX-License-Identifier: Apache-2.0
// Text to tokens and back, exactly as the model's authors do it.
//
//   Result<Tokenizer> tokenizer = Tokenizer::open("model.gguf");   // or a Hugging Face directory
//   std::vector<TokenId> ids = tokenizer->encode("Hello");
//   std::string text = tokenizer->decode(ids).value_or("");
//   Result<std::string> prompt = tokenizer->render_chat({.messages = R"([{"role":"user", ...}])"});
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "llmos/types.h"
#include "llmos/version.h"

namespace llmos {

struct EncodeOptions {
  // Adds what the model wants around a text (BOS, EOS, or its post-processor's template). Default
  // on; off for a piece of a text, or when the template already wrote them.
  bool add_special{true};
  // Recognises special tokens written out in the text ("<|im_end|>"). Default on; off for text that
  // a user typed and that must not steer the model.
  bool parse_special{true};
};

struct DecodeOptions {
  // Leaves out control tokens such as BOS. Default on.
  bool skip_special{true};
};

// What a token is for.
enum class TokenKind : uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

// The conversation for a chat template, as JSON in the form of the OpenAI API.
struct ChatInput {
  // An array of {"role", "content", "tool_calls", ...}; or an object with this array as "messages",
  // whose other members ("tools", "add_generation_prompt", ...) are variables as below and win.
  std::string messages{};
  // An array of tool descriptions; empty: none.
  std::string tools{};
  // Ends with the words that begin an answer. Default on.
  bool add_generation_prompt{true};
  // An object of further variables that the template may ask for ("enable_thinking"); empty: none.
  std::string variables{};
  // Which template, where a model has several ("default", "tool_use"); empty: the right one.
  std::string template_name{};
  // What strftime_now() sees; default: the time of the call.
  std::optional<std::chrono::system_clock::time_point> now{};
};

// Threads  Every const method from any number of threads.
// Bytes    encode() takes any bytes: what is no UTF-8 is encoded as the model's algorithm encodes
//          bytes (byte-level or byte fallback), or as its unknown token.
// Cost     encode() is linear in the text, up to a logarithm, for every text.
class LLMOS_API Tokenizer {
 public:
  // From a GGUF file, a tokenizer.json, a tokenizer.model (sentencepiece), or a directory that
  // holds one of these. Failure: kNotFound, kCorrupt, kUnsupported (names what is not supported).
  static Result<Tokenizer> open(const std::string& path);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Invalid UTF-8 in the result is replaced by U+FFFD. kInvalid: an id outside the vocabulary.
  Result<std::string> decode(std::span<const TokenId> ids, const DecodeOptions& options = {}) const;

  size_t vocabulary_size() const noexcept;
  // As stored in the model ("Ġthe", "▁the", "<0x0A>"); empty outside the vocabulary.
  std::string_view token(TokenId id) const noexcept;
  TokenKind token_kind(TokenId id) const noexcept;
  // The id of a token's stored text; kNoToken where there is none.
  TokenId find_token(std::string_view token) const noexcept;
  TokenId bos() const noexcept;  // kNoToken where the model has none, like the ones below
  TokenId eos() const noexcept;
  TokenId unknown() const noexcept;
  TokenId padding() const noexcept;
  // Ends a generation: EOS, end of turn, end of message ...
  bool is_end(TokenId id) const noexcept;

  bool has_chat_template() const noexcept;
  // kNotFound: the model has no template; kInvalid: bad JSON, or an error that the template raises,
  // with its message.
  Result<std::string> render_chat(const ChatInput& input) const;

  class Impl;  // src/text
  explicit Tokenizer(std::shared_ptr<const Impl> impl) noexcept;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// Renders with the chat template of a model's files, which need not hold a vocabulary: a GGUF file,
// a Hugging Face directory (tokenizer_config.json or chat_template.jinja), or a .jinja file.
LLMOS_API Result<std::string> render_chat(const std::string& path, const ChatInput& input);

// Turns tokens into text as they come: whole UTF-8 characters only, also where one character is
// spread over several tokens. One thread at a time.
class LLMOS_API Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options = {});
  Detokenizer(Detokenizer&&) noexcept;
  Detokenizer& operator=(Detokenizer&&) noexcept;
  ~Detokenizer();

  // The text that became certain; often empty. Ids outside the vocabulary add nothing.
  std::string push(TokenId id);
  // What was held back, an unfinished character as U+FFFD; then the detokenizer is as new.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llmos
