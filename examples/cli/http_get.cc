// SPDX-License-Identifier: Apache-2.0
#include "http_get.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace cli {
namespace {

using llmos::Code;
using llmos::Result;
using llmos::Status;

constexpr size_t kAnswerMax = 16u << 20;
constexpr int kSecondsMax = 5;

struct Address {
  std::string host;
  std::string port;
  std::string path;
};

// "http://127.0.0.1:8080/stats", "[::1]:8080", "localhost".
Result<Address> parse_url(std::string_view url) {
  if (url.starts_with("http://")) url.remove_prefix(7);
  const size_t slash = std::min(url.find('/'), url.size());
  std::string_view place = url.substr(0, slash);
  Address address{"", "8080", slash < url.size() ? std::string(url.substr(slash)) : "/"};
  const size_t bracket = place.find(']');
  const size_t colon = place.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) address.port = place.substr(colon + 1);
  place = place.substr(0, colon);
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  address.host = place;
  if (address.host.empty() || address.port.empty() ||
      url.find_first_of("\r\n ") != std::string_view::npos) {
    return Status(Code::kInvalid, "expected a server like http://127.0.0.1:8080, found \"" +
                                      std::string(url) + "\"");
  }
  return address;
}

class Connection {
 public:
  Connection() = default;
  ~Connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status open(const Address& address) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error =
            ::getaddrinfo(address.host.c_str(), address.port.c_str(), &wanted, &found);
        error != 0) {
      return {Code::kNotFound, address.host + ": " + ::gai_strerror(error)};
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    for (const addrinfo* one = found; one; one = one->ai_next) {
      if (try_one(*one)) return {};
    }
    return {Code::kNotFound, "nobody listens at " + address.host + " port " + address.port + " (" +
                                 std::strerror(errno) + ")"};
  }

  Status send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return failure();
      bytes.remove_prefix(size_t(count));
    }
    return {};
  }

  Result<std::string> read_all() {
    std::string text;
    char bytes[1 << 14];
    for (;;) {
      const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
      if (count == 0) return text;
      if (count < 0) return failure();
      text.append(bytes, size_t(count));
      if (text.size() > kAnswerMax) return Status(Code::kCorrupt, "the answer is too long");
    }
  }

 private:
  bool try_one(const addrinfo& address) {
    if (socket_ >= 0) ::close(socket_);
    socket_ = ::socket(address.ai_family, address.ai_socktype, address.ai_protocol);
    if (socket_ < 0) return false;
    const timeval limit{kSecondsMax, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return ::connect(socket_, address.ai_addr, address.ai_addrlen) == 0;
  }

  static Status failure() {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {Code::kDeadline, "the server did not answer in time"};
    }
    return {Code::kCorrupt, std::string("the connection broke: ") + std::strerror(errno)};
  }

  int socket_ = -1;
};

Result<std::string> body_of(std::string_view answer) {
  const size_t space = answer.find(' ');
  const size_t end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || space == std::string_view::npos ||
      end == std::string_view::npos) {
    return Status(Code::kCorrupt, "what listens there speaks no HTTP");
  }
  const std::string_view status = answer.substr(space + 1, 3);
  if (status == "401" || status == "403") {
    return Status(Code::kDenied, "the server wants a key: give --key");
  }
  if (status != "200") {
    return Status(Code::kCorrupt, "expected status 200, found " + std::string(status));
  }
  return std::string(answer.substr(end + 4));
}

}  // namespace

// HTTP/1.0: the answer ends with the connection, and has no chunks.
Result<std::string> http_get(const std::string& url, const std::string& key) {
  const Result<Address> address = parse_url(url);
  if (!address.ok()) return address.status();
  Connection connection;
  if (Status status = connection.open(*address); !status.ok()) return status;
  std::string request = "GET " + address->path + " HTTP/1.0\r\nHost: " + address->host + "\r\n";
  if (!key.empty()) request += "Authorization: Bearer " + key + "\r\n";
  if (Status status = connection.send(request + "\r\n"); !status.ok()) return status;
  const Result<std::string> answer = connection.read_all();
  if (!answer.ok()) return answer.status();
  return body_of(*answer);
}

}  // namespace cli
