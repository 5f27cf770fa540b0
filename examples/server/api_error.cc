// SPDX-License-Identifier: Apache-2.0
#include "api_error.h"

#include "json_writer.h"

namespace server {
namespace {

constexpr uint32_t kBusyRetrySeconds = 1;

}  // namespace

const char* error_type(int http_status) {
  switch (http_status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    case 503:
    case 504:
      return "overloaded_error";
    default:
      return http_status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string error_json(const ApiError& error) {
  JsonWriter json;
  json.open('{').key("error").open('{').key("message").value(error.message);
  json.key("type").value(error_type(error.http_status)).key("param");
  error.param.empty() ? json.null() : json.value(error.param);
  json.key("code");
  error.code.empty() ? json.null() : json.value(error.code);
  return json.close('}').close('}').take();
}

ApiError error_of(const llmos::Status& status) {
  ApiError error;
  error.message = status.message();
  switch (status.code()) {
    case llmos::Code::kInvalid:
    case llmos::Code::kUnsupported:
      error.http_status = 400;
      break;
    case llmos::Code::kNotFound:
      error.http_status = 404;
      break;
    case llmos::Code::kExhausted:
      error.http_status = 503;
      error.code = "queue_full";
      error.retry_after_s = kBusyRetrySeconds;
      break;
    case llmos::Code::kCancelled:
      error.http_status = 503;
      error.code = "cancelled";
      error.retry_after_s = kBusyRetrySeconds;
      break;
    case llmos::Code::kDeadline:
      error.http_status = 504;
      error.code = "deadline";
      break;
    default:
      error.http_status = 500;
      error.code = "internal";
      break;
  }
  return error;
}

}  // namespace server
