// SPDX-License-Identifier: Apache-2.0
// HTTP as text: what is asked, and the bytes of an answer. No sockets here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api_error.h"

namespace server {

// What the router and the service see of a request.
struct HttpRequest {
  std::string method{};
  std::string target{};  // "/v1/models?x=1"
  std::string body{};
  std::string authorization{};
  std::string content_type{};
  std::string origin{};
  std::string host{};
};

// How the answer must be framed.
struct Framing {
  bool keep_alive = true;
  bool chunked = true;  // HTTP/1.0 knows no chunks: its answers end with the connection
  bool head = false;    // a HEAD request: no body
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  uint32_t retry_after_s = 0;
  std::string allow{};  // of a 405
  bool closes = false;  // whatever the client would like
};

Response json_response(std::string body);
Response error_response(const ApiError& error);

const char* reason_phrase(int status);
// Head and body.
std::string response_text(const Response& response, const Framing& framing);
// The head of an answer that comes in pieces, each framed by append_piece(), the last one by
// append_end().
std::string stream_head(const Framing& framing);
void append_piece(std::string& out, std::string_view piece, const Framing& framing);
void append_end(std::string& out, const Framing& framing);

// The key of "Bearer KEY"; empty: none.
std::string_view bearer_key(std::string_view authorization);
// Whether a body of this type is taken for JSON: so it says, or it says nothing. A web page of
// another site can send other types without asking first, but not this one.
bool is_json_type(std::string_view content_type);
// Whether the page that sent the request came from this server; requests without an Origin are no
// page's.
bool is_same_origin(std::string_view origin, std::string_view host);

}  // namespace server
