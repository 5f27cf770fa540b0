// SPDX-License-Identifier: Apache-2.0
// From a Request to the engine's Work: checked, rendered, tokenised, samplers made. All on the
// caller's thread.
#pragma once

#include <memory>
#include <vector>

#include "engine/tenant_limits.h"
#include "engine/work.h"
#include "llmos/request.h"
#include "llmos/tokenizer.h"

namespace llmos {

// What an engine can take.
struct RequestLimits {
  const Tokenizer* tokenizer = nullptr;  // null: only token prompts
  uint32_t vocabulary = 0;
  uint32_t context = 0;      // tokens of one sequence, bounded by the cache too
  uint32_t choices_max = 0;  // what the queue holds
  uint32_t stream_tokens = 0;
  engine::TenantLimits tenants{};
  uint32_t block_tokens = 1;        // that the tenants' limits are counted in
  std::vector<TokenId> model_ends;  // sorted
};

// Named bounds of one request; the messages tell them.
inline constexpr uint32_t kChoicesMax = 128;
inline constexpr size_t kStopStringsMax = 64;
inline constexpr size_t kStopStringBytesMax = 1024;
inline constexpr size_t kStopTokensMax = 1024;
inline constexpr size_t kTenantBytesMax = 256;
inline constexpr size_t kMessagesMax = 65'536;
// Tokenising is linear; this is some ten million tokens.
inline constexpr size_t kPromptBytesMax = size_t{64} << 20;

// kInvalid with the field and what is wrong with it; kUnsupported for a constraint. `now` is the
// time of submission on the engine's clock.
Result<std::unique_ptr<engine::Work>> prepare_request(Request request, const RequestLimits& limits,
                                                      uint64_t id, Instant now);

// Tokens of the prompt, at least one. kInvalid: empty, an id outside the vocabulary, no template.
Result<std::vector<TokenId>> prompt_tokens(const Request& request, const RequestLimits& limits);

}  // namespace llmos
