// SPDX-License-Identifier: Apache-2.0
// A plain HTTP client over loopback: sends bytes as they are, so that tests can be rude.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace server::test {

struct HttpReply {
  int status = 0;  // 0: the connection ended before an answer was whole
  std::map<std::string, std::string> headers{};  // names in lower case
  std::string body{};                            // chunks joined
};

// One connection. Every wait ends after 20 seconds.
class Client {
 public:
  explicit Client(uint16_t port);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return socket_ >= 0; }
  // False: the server has closed.
  bool send(std::string_view bytes);
  void send_request(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view headers = {});
  // The next answer, whole.
  HttpReply read_reply();
  HttpReply ask(std::string_view method, std::string_view target, std::string_view body = {},
                std::string_view headers = {});
  // At least one byte more, if `bytes_max` allows; empty: the connection has ended, or `timeout`.
  std::string read_some(size_t bytes_max = 65536,
                        std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // Whether the server closes the connection within `timeout`; what it sends is dropped.
  bool closed_within(std::chrono::milliseconds timeout);
  void close();
  void set_receive_buffer(int bytes);

 private:
  bool fill();
  std::string take_line();
  std::string take_bytes(size_t count);
  std::string take_chunks();

  int socket_ = -1;
  std::string buffer_;
  bool over_ = false;
};

// The payloads of a stream of events ("data: ..."), comments left out.
std::vector<std::string> events_of(const std::string& body);

}  // namespace server::test
