// SPDX-License-Identifier: Apache-2.0
// Which call a request is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api_error.h"

namespace server {

enum class Call : uint8_t {
  kPage,
  kLive,
  kReady,
  kMetrics,
  kStats,
  kModels,
  kModel,
  kChat,
  kCompletion,
  kEmbeddings,
  kTokenize,
  kNone,  // no call of ours
};
inline constexpr size_t kCalls = size_t(Call::kNone) + 1;

// The name in metrics: "chat_completions".
const char* call_name(Call call);

// Who may make it.
enum class Access : uint8_t { kAnybody, kKey, kOperator };
Access access_of(Call call);

struct Route {
  Call call = Call::kNone;
  std::string argument{};  // of kModel: its id
};

// 404: no such path; 405: another method (error.param is the allowed ones).
OrError<Route> find_route(std::string_view method, std::string_view target);

}  // namespace server
