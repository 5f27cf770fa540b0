// SPDX-License-Identifier: Apache-2.0
// The bodies of requests, translated to what the engine takes. Pure functions of the bytes.
#pragma once

#include <llmos/request.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api_error.h"

namespace server {

// Named bounds of one HTTP request.
inline constexpr size_t kPromptsMax = 128;       // of /v1/completions
inline constexpr size_t kEmbedInputsMax = 2048;  // as the OpenAI API
inline constexpr uint32_t kChoicesMax = 128;     // as the engine
inline constexpr uint32_t kTopLogprobsMax = 20;  // as the OpenAI API
inline constexpr size_t kMessagesMax = 4096;
inline constexpr size_t kBiasesMax = 4096;

struct GenerateRequest {
  bool chat = false;
  std::string model{};
  std::vector<llmos::Prompt> prompts{};  // one conversation, or one or more texts
  llmos::Request request{};              // all but the prompt
  bool seeded = false;                   // else the server draws a seed
  bool stream = false;
  bool include_usage = false;  // a last chunk that tells it
};

struct EmbeddingsRequest {
  std::string model{};
  std::vector<llmos::Prompt> inputs{};
  bool base64 = false;  // else arrays of numbers
};

struct TokenizeRequest {
  std::string model{};
  std::string text{};
  bool add_special = true;
  bool pieces = false;
};

OrError<GenerateRequest> parse_chat_request(std::string_view body);
OrError<GenerateRequest> parse_completion_request(std::string_view body);
OrError<EmbeddingsRequest> parse_embeddings_request(std::string_view body);
OrError<TokenizeRequest> parse_tokenize_request(std::string_view body);

}  // namespace server
