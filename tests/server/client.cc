// SPDX-License-Identifier: Apache-2.0
#include "server/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace server::test {
namespace {

constexpr int kPatienceMs = 20'000;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return char(tolower(c)); });
  return text;
}

}  // namespace

Client::Client(uint16_t port) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
}

Client::~Client() { close(); }

void Client::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void Client::set_receive_buffer(int bytes) {
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(size_t(count));
  }
  return true;
}

void Client::send_request(std::string_view method, std::string_view target, std::string_view body,
                          std::string_view headers) {
  std::string text = std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\n";
  text += "Host: localhost\r\n" + std::string(headers);
  if (!body.empty()) {
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  send(text + "\r\n" + std::string(body));
}

std::string Client::read_some(size_t bytes_max, std::chrono::milliseconds timeout) {
  if (!buffer_.empty()) return take_bytes(std::min(bytes_max, buffer_.size()));
  pollfd wait{socket_, POLLIN, 0};
  if (poll(&wait, 1, int(timeout.count())) <= 0) return {};
  std::string bytes(bytes_max, '\0');
  const ssize_t count = recv(socket_, bytes.data(), bytes.size(), 0);
  if (count <= 0) over_ = true;
  bytes.resize(count > 0 ? size_t(count) : 0);
  return bytes;
}

bool Client::fill() {
  pollfd wait{socket_, POLLIN, 0};
  char bytes[16384];
  if (over_ || poll(&wait, 1, kPatienceMs) <= 0) return false;
  const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
  if (count <= 0) {
    over_ = true;
    return false;
  }
  buffer_.append(bytes, size_t(count));
  return true;
}

std::string Client::take_line() {
  size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) return {};
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string Client::take_bytes(size_t count) {
  while (buffer_.size() < count && fill()) continue;
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, bytes.size());
  return bytes;
}

std::string Client::take_chunks() {
  std::string body;
  for (;;) {
    const std::string line = take_line();
    const size_t size = line.empty() ? 0 : std::strtoul(line.c_str(), nullptr, 16);
    if (line.empty()) over_ = true;  // it ended within
    if (size == 0) {
      take_line();
      return body;
    }
    body += take_bytes(size);
    take_line();
  }
}

HttpReply Client::read_reply() {
  HttpReply reply;
  const std::string status = take_line();
  if (!status.starts_with("HTTP/1.1 ")) return reply;
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) {
      reply.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
  }
  const int code = std::atoi(status.c_str() + 9);
  if (reply.headers.contains("content-length")) {
    const size_t size = std::strtoul(reply.headers["content-length"].c_str(), nullptr, 10);
    reply.body = take_bytes(size);
    if (reply.body.size() < size) return reply;
  } else if (reply.headers.contains("transfer-encoding")) {
    const bool before = over_;
    reply.body = take_chunks();
    if (over_ && !before) return reply;
  } else {
    while (fill()) continue;
    reply.body = std::exchange(buffer_, {});
  }
  reply.status = code;
  return reply;
}

HttpReply Client::ask(std::string_view method, std::string_view target, std::string_view body,
                      std::string_view headers) {
  send_request(method, target, body, headers);
  return read_reply();
}

bool Client::closed_within(std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < until) {
    pollfd wait{socket_, POLLIN, 0};
    if (poll(&wait, 1, 20) <= 0) continue;
    char bytes[4096];
    if (recv(socket_, bytes, sizeof bytes, 0) <= 0) return true;
  }
  return false;
}

std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> events;
  for (size_t at = 0; at < body.size();) {
    const size_t end = std::min(body.find("\n\n", at), body.size());
    const std::string event = body.substr(at, end - at);
    if (event.starts_with("data: ")) events.push_back(event.substr(6));
    at = end + 2;
  }
  return events;
}

}  // namespace server::test
