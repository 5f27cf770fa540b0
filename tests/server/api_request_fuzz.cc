// SPDX-License-Identifier: Apache-2.0
// Whatever the body: it is translated within its bounds, or refused with a short message that can
// be sent back as JSON. The first byte chooses the call.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "server/api_request.h"

namespace {

using namespace server;

template <class T>
const T* good(const OrError<T>& parsed) {
  const auto* error = std::get_if<ApiError>(&parsed);
  if (!error) return &std::get<T>(parsed);
  LLMOS_CHECK(error->http_status == 400);
  LLMOS_CHECK(!error->message.empty() && error->message.size() < 1000) << error->message;
  const auto sent = nlohmann::json::parse(error_json(*error));  // throws where it is no JSON
  LLMOS_CHECK(sent.at("error").at("message").is_string());
  return nullptr;
}

void check(const GenerateRequest* request) {
  if (!request) return;
  LLMOS_CHECK(!request->prompts.empty() && request->prompts.size() <= kPromptsMax);
  LLMOS_CHECK(request->request.choices >= 1 && request->request.choices <= kChoicesMax);
  LLMOS_CHECK(request->request.tokens_min <= request->request.tokens_max);
  LLMOS_CHECK(request->request.sampling.bias.size() <= 4096);
  LLMOS_CHECK(request->request.sampling.temperature >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] & 3) {
    case 0:
      check(good(parse_chat_request(body)));
      break;
    case 1:
      check(good(parse_completion_request(body)));
      break;
    case 2:
      good(parse_embeddings_request(body));
      break;
    default:
      good(parse_tokenize_request(body));
  }
  return 0;
}
