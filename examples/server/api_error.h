// SPDX-License-Identifier: Apache-2.0
// An error as clients of the OpenAI API know it: an HTTP status and a JSON body.
#pragma once

#include <llmos/status.h>

#include <cstdint>
#include <string>
#include <variant>

namespace server {

// Thrown by the readers of request bodies and caught by the parse functions around them; elsewhere
// it is a value.
struct ApiError {
  int http_status = 400;
  std::string message{};
  std::string param{};         // the field at fault; empty: none
  std::string code{};          // "invalid_api_key", ...; empty: null
  uint32_t retry_after_s = 0;  // 0: no such header
};

template <class T>
using OrError = std::variant<T, ApiError>;

// "invalid_request_error", "authentication_error", "rate_limit_error", ...
const char* error_type(int http_status);
// {"error":{"message","type","param","code"}}
std::string error_json(const ApiError& error);
// What a client is told of an engine's refusal. A full queue is 503 with Retry-After: it is
// nobody's rate, and a balancer should try another server.
ApiError error_of(const llmos::Status& status);

}  // namespace server
