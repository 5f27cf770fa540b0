// SPDX-License-Identifier: Apache-2.0
// Clients that send garbage, too much, too slowly, or do not read: each is got rid of, and an
// honest client beside them does not notice.
#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "server/engine_fixture.h"
#include "support/test_seed.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using test::Client;
using test::HttpReply;
using ::testing::AnyOf;

class HostileTest : public test::EngineFixture {
 protected:
  // Everything quick, so that tests need not wait.
  static ServerOptions impatient() {
    ServerOptions options;
    options.header_timeout = milliseconds(400);
    options.idle_timeout = milliseconds(600);
    options.body_timeout = milliseconds(400);
    options.write_timeout = milliseconds(800);
    options.body_bytes_max = 4096;
    options.header_bytes_max = 2048;
    return options;
  }
  void expect_serving() { EXPECT_EQ(get("/health/live").status, 200); }
};

TEST_F(HostileTest, GarbageIsAnsweredOrClosed) {
  start_server(impatient());
  std::mt19937_64 random(llmos::test::seed("garbage"));
  for (int i = 0; i < 200; ++i) {
    Client client(port());
    std::string bytes(1 + random() % 600, '\0');
    for (char& c : bytes) c = char(random());
    if (i % 3 == 0) bytes = "POST /v1/completions HTTP/1.1\r\nContent-Length: 5\r\n" + bytes;
    client.send(bytes);
    if (i % 2 == 0) {
      client.send("\r\n\r\n");
      EXPECT_TRUE(client.closed_within(std::chrono::seconds(3))) << i;
    }
  }
  expect_serving();
}

TEST_F(HostileTest, HalfRequestsOfEveryLength) {
  start_server(impatient());
  const std::string whole =
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\n"
      "{\"prompt\":\"a\",\"max_tokens\":2}";
  for (size_t length = 0; length < whole.size(); length += 3) {
    Client client(port());
    client.send(whole.substr(0, length));
  }
  expect_serving();
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(10)));
}

TEST_F(HostileTest, TooMuchIsRefused) {
  start_server(impatient());
  EXPECT_EQ(get("/health", "X: " + std::string(4000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(post("/v1/completions", std::string(5000, ' ')).status, 413);
  Client endless(port());
  endless.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 100 && endless.send("400\r\n" + std::string(1024, ' ') + "\r\n"); ++i) {
  }
  EXPECT_TRUE(endless.closed_within(std::chrono::seconds(5)));
  Client smuggler(port());
  smuggler.send(
      "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}");
  EXPECT_EQ(smuggler.read_reply().status, 400);
  expect_serving();
}

TEST_F(HostileTest, SlowClientsAreClosed) {
  start_server(impatient());
  Client silent(port());
  Client slow_head(port());
  Client slow_body(port());
  slow_body.send("POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  const auto start = std::chrono::steady_clock::now();
  bool head_open = true;
  bool body_open = true;
  while (std::chrono::steady_clock::now() - start < std::chrono::seconds(3)) {
    head_open = head_open && slow_head.send("x");
    body_open = body_open && slow_body.send("x");
    std::this_thread::sleep_for(milliseconds(50));
    expect_serving();
  }
  EXPECT_FALSE(head_open);
  EXPECT_FALSE(body_open);
  EXPECT_TRUE(silent.closed_within(milliseconds(100)));
}

TEST_F(HostileTest, ConnectionsThatNeverAskMakeRoom) {
  ServerOptions options;  // patient: only making room can help
  options.connections_max = 8;
  options.io_threads = 1;
  start_server(options);
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(std::make_unique<Client>(port()));
    if (i % 10 == 0) expect_serving();
  }
  expect_serving();
  EXPECT_TRUE(idle[0]->closed_within(std::chrono::seconds(2)));
}

TEST_F(HostileTest, BeyondTheBoundOfBusyConnectionsIsRefused) {
  ServerOptions options;
  options.connections_max = 4;
  options.io_threads = 1;
  start_server(options);
  std::vector<std::unique_ptr<Client>> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::make_unique<Client>(port()));
    busy.back()->send_request(
        "POST", "/v1/completions",
        R"({"prompt":"the","max_tokens":100000,"ignore_eos":true,"stream":true,"n":2})");
    ASSERT_FALSE(busy.back()->read_some(10).empty());
  }
  EXPECT_THAT(get("/health/live").status, AnyOf(503, 200));  // one may have ended at its context
}

// One that does not read is parked by the engine, then closed, and the others go on.
TEST_F(HostileTest, ClientsThatDoNotReadAreClosed) {
  llmos::EngineOptions engine_options;
  engine_options.stream_tokens = 16;
  open_engine(engine_options);
  start_server(impatient());
  std::vector<std::unique_ptr<Client>> deaf;
  for (int i = 0; i < 4; ++i) {
    deaf.push_back(std::make_unique<Client>(port()));
    deaf.back()->set_receive_buffer(1);
    deaf.back()->send_request(
        "POST", "/v1/completions",
        R"({"prompt":"the","max_tokens":100000,"ignore_eos":true,"stream":true,"n":32})");
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(post("/v1/completions", R"({"prompt":"a","max_tokens":2})").status, 200);
  }
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(20)));
  expect_nothing_left();
}

}  // namespace
}  // namespace server
