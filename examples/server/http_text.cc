// SPDX-License-Identifier: Apache-2.0
#include "http_text.h"

#include <algorithm>
#include <charconv>

namespace server {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(),
                                                  [](char a, char b) { return a == lower(b); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

void append_status_line(std::string& out, int status, const Framing& framing) {
  out += "HTTP/1.1 " + std::to_string(status) + ' ' + reason_phrase(status) + "\r\n";
  out += "Server: llmos\r\n";
  if (!framing.keep_alive) out += "Connection: close\r\n";
}

}  // namespace

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response error_response(const ApiError& error) {
  Response response = json_response(error_json(error));
  response.status = error.http_status;
  response.retry_after_s = error.retry_after_s;
  return response;
}

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

std::string response_text(const Response& response, const Framing& framing) {
  Framing ours = framing;
  ours.keep_alive = framing.keep_alive && !response.closes;
  std::string out;
  out.reserve(256 + response.body.size());
  append_status_line(out, response.status, ours);
  out += "Content-Type: " + response.content_type + "\r\n";
  out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  if (response.retry_after_s > 0) {
    out += "Retry-After: " + std::to_string(response.retry_after_s) + "\r\n";
  }
  if (response.status == 401) out += "WWW-Authenticate: Bearer\r\n";
  if (!response.allow.empty()) out += "Allow: " + response.allow + "\r\n";
  // The page may not be shown inside of another, nor its scripts come from elsewhere.
  if (response.content_type.starts_with("text/html")) {
    out +=
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src "
        "'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'\r\n";
  }
  out += "X-Content-Type-Options: nosniff\r\n\r\n";
  if (!framing.head) out += response.body;
  return out;
}

std::string stream_head(const Framing& framing) {
  std::string out;
  append_status_line(out, 200, framing);
  out += "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n";
  out += "X-Accel-Buffering: no\r\n";  // nginx would collect the pieces otherwise
  if (framing.chunked) out += "Transfer-Encoding: chunked\r\n";
  out += "\r\n";
  return out;
}

void append_piece(std::string& out, std::string_view piece, const Framing& framing) {
  if (piece.empty()) return;  // an empty chunk would be the last
  if (framing.chunked) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, piece.size(), 16).ptr;
    out.append(digits, end);
    out += "\r\n";
  }
  out += piece;
  if (framing.chunked) out += "\r\n";
}

void append_end(std::string& out, const Framing& framing) {
  if (framing.chunked) out += "0\r\n\r\n";
}

std::string_view bearer_key(std::string_view authorization) {
  if (!starts_with_word(authorization, "bearer ")) return {};
  return trimmed(authorization.substr(7));
}

bool is_json_type(std::string_view content_type) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view kJson = "application/json";
  return type.empty() || (type.size() == kJson.size() && starts_with_word(type, kJson));
}

bool is_same_origin(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  const size_t scheme = origin.find("://");
  return scheme != origin.npos && origin.substr(scheme + 3) == host;
}

}  // namespace server
