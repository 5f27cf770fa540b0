// SPDX-License-Identifier: Apache-2.0
// Conversations over loopback, call by call.
#include "server/server.h"

#include <gmock/gmock.h>

#include <thread>

#include "server/engine_fixture.h"

namespace server {
namespace {

using nlohmann::json;
using test::Client;
using test::events_of;
using test::HttpReply;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerTest : public test::EngineFixture {};

const std::string kHi = R"({"messages":[{"role":"user","content":"hi"}])";

TEST_F(ServerTest, AnswersAChat) {
  start_server();
  const json reply =
      post_json("/v1/chat/completions", kHi + R"(,"model":"tiny","max_tokens":8,"temperature":0})");
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_THAT(reply["id"].get<std::string>(), StartsWith("chatcmpl-"));
  EXPECT_EQ(reply["model"], "tiny");
  EXPECT_EQ(reply["choices"][0]["message"]["role"], "assistant");
  EXPECT_GT(reply["usage"]["prompt_tokens"], 0);
  EXPECT_LE(reply["usage"]["completion_tokens"], 8);
}

TEST_F(ServerTest, StreamsAChat) {
  start_server();
  const std::string body = kHi + R"(,"max_tokens":12,"temperature":0,"ignore_eos":true)";
  const json whole = post_json("/v1/chat/completions", body + "}");
  const HttpReply reply = post("/v1/chat/completions",
                               body + R"(,"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-type"), "text/event-stream");
  const auto events = events_of(reply.body);
  ASSERT_GE(events.size(), 4u) << reply.body;
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(json::parse(events[0])["choices"][0]["delta"]["role"], "assistant");
  std::string text;
  for (size_t i = 1; i + 2 < events.size(); ++i) {
    text += json::parse(events[i])["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
  const json usage = json::parse(events[events.size() - 2]);
  EXPECT_EQ(usage["usage"]["completion_tokens"], 12);
}

TEST_F(ServerTest, SameSeedSameAnswer) {
  start_server();
  const std::string body = R"({"prompt":"the","max_tokens":20,"temperature":1.5,"seed":7})";
  const json first = post_json("/v1/completions", body);
  EXPECT_EQ(first["choices"], post_json("/v1/completions", body)["choices"]);
}

TEST_F(ServerTest, GivesLogprobs) {
  start_server();
  const json chat =
      post_json("/v1/chat/completions", kHi + R"(,"max_tokens":3,"logprobs":true,"top_logprobs":2,
                              "ignore_eos":true,"temperature":0})");
  const json content = chat["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 3u);
  EXPECT_EQ(content[0]["top_logprobs"].size(), 2u);
  EXPECT_LE(content[0]["logprob"], 0);
  EXPECT_EQ(content[0]["logprob"], content[0]["top_logprobs"][0]["logprob"]);  // greedy
}

TEST_F(ServerTest, BiasAndStopAreKept) {
  start_server();
  const json biased = post_json(
      "/v1/completions", R"({"prompt":"a","max_tokens":5,"logit_bias":{"40":100},"seed":1})");
  const std::string text = biased["choices"][0]["text"];
  ASSERT_EQ(text.size(), 5u) << text;
  EXPECT_EQ(text, std::string(5, text[0]));
  const json stopped = post_json("/v1/completions", R"({"prompt":"a","max_tokens":5,
      "logit_bias":{"40":100},"seed":1,"stop":")" + text.substr(0, 2) +
                                                        "\"}");
  EXPECT_EQ(stopped["choices"][0]["text"], "");
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
}

TEST_F(ServerTest, GivesVectors) {
  start_server();
  const json reply = post_json("/v1/embeddings", R"({"input":["the","other","the"]})");
  ASSERT_EQ(reply["data"].size(), 3u);
  EXPECT_EQ(reply["data"][0]["embedding"], reply["data"][2]["embedding"]);
  EXPECT_NE(reply["data"][0]["embedding"], reply["data"][1]["embedding"]);
  const json coded = post_json("/v1/embeddings", R"({"input":"the","encoding_format":"base64"})");
  EXPECT_TRUE(coded["data"][0]["embedding"].is_string());
  EXPECT_EQ(post("/v1/embeddings", R"({"input":[[999999]]})").status, 400);
}

TEST_F(ServerTest, Tokenizes) {
  start_server();
  const json reply = post_json("/tokenize", R"({"prompt":"the","return_token_strs":true})");
  EXPECT_EQ(reply["count"], reply["tokens"].size());
  EXPECT_EQ(reply["token_strs"][0], "<s>");
}

TEST_F(ServerTest, TellsOfItselfAndItsModel) {
  start_server();
  EXPECT_EQ(json::parse(get("/v1/models").body)["data"][0]["id"], "tiny");
  EXPECT_EQ(json::parse(get("/v1/models/tiny").body)["object"], "model");
  EXPECT_EQ(get("/v1/models/other").status, 404);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/health/live").status, 200);
  EXPECT_THAT(get("/").body, HasSubstr("<!doctype html>"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("llmos_server_responses_total"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("llmos_output_tokens_total"));
  EXPECT_EQ(json::parse(get("/stats").body)["model"], "tiny");
  const json wrong = json::parse(post("/v1/completions", R"({"prompt":"a","model":"gpt"})").body);
  EXPECT_EQ(wrong["error"]["code"], "model_not_found");
}

TEST_F(ServerTest, TellsWhatIsWrong) {
  start_server();
  const HttpReply unknown = post("/v1/chat/completions", kHi + R"(,"frobnicate":1})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(json::parse(unknown.body)["error"]["param"], "frobnicate");
  EXPECT_EQ(post("/v1/completions", "{").status, 400);
  EXPECT_EQ(get("/nowhere").status, 404);
  const HttpReply method = get("/v1/completions");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.at("allow"), "POST");
  EXPECT_EQ(post("/v1/completions", "{}", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(get("/v1/models", "Origin: http://localhost\r\n").status, 200);
  const std::string long_prompt(100'000, 'x');
  EXPECT_EQ(post("/v1/completions", R"({"prompt":")" + long_prompt + "\"}").status, 400);
}

TEST_F(ServerTest, KeepsAConnectionForManyRequests) {
  start_server();
  Client client(port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(client.ask("GET", "/health/live").status, 200) << i;
    ASSERT_EQ(client.ask("POST", "/v1/completions", R"({"prompt":"a","max_tokens":2})").status,
              200);
    ASSERT_EQ(
        client.ask("POST", "/v1/completions", R"({"prompt":"a","max_tokens":2,"stream":true})")
            .status,
        200);
    ASSERT_EQ(client.ask("POST", "/v1/completions", R"({"prompt":1})").status, 400);
  }
}

TEST_F(ServerTest, AnswersRequestsThatCameTogether) {
  start_server();
  Client client(port());
  for (int i = 0; i < 5; ++i) {
    client.send_request("POST", "/v1/completions",
                        R"({"prompt":"a","max_tokens":5,"stream":true})");
    client.send_request("GET", "/health/live");
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(client.read_reply().body, HasSubstr("[DONE]"));
    EXPECT_THAT(client.read_reply().body, HasSubstr("live"));
  }
}

TEST_F(ServerTest, SpeaksToOldAndCarefulClients) {
  start_server();
  Client old(port());
  const std::string body = R"({"prompt":"a","max_tokens":3,"stream":true})";
  old.send("POST /v1/completions HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body);
  const HttpReply reply = old.read_reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.headers.contains("transfer-encoding"));
  EXPECT_THAT(reply.body, HasSubstr("data: [DONE]"));

  Client careful(port());
  careful.send(
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_THAT(careful.read_some(25), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  careful.send(body);
  EXPECT_THAT(careful.read_reply().body, HasSubstr("data: [DONE]"));

  Client chunks(port());
  chunks.send(
      "POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "e\r\n{\"prompt\":\"the\r\n2\r\n\"}\r\n0\r\n\r\n");
  EXPECT_EQ(chunks.read_reply().status, 200);

  Client head(port());
  head.send("HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head.read_some(), ::testing::EndsWith("\r\n\r\n"));
}

// Its blocks are free soon after, and nobody else notices.
TEST_F(ServerTest, CancelsForAClientThatLeaves) {
  llmos::EngineOptions options;
  options.scheduler.sequences_max = 4;
  open_engine(options);
  start_server();
  const std::string endless = R"({"prompt":"the","max_tokens":100000,"ignore_eos":true,"n":4)";
  for (const bool stream : {true, false}) {
    for (int i = 0; i < 10; ++i) {
      Client client(port());
      client.send_request("POST", "/v1/completions",
                          endless + (stream ? R"(,"stream":true})" : "}"));
      if (stream) {
        EXPECT_FALSE(client.read_some().empty());
      }
      client.close();
    }
  }
  EXPECT_EQ(post("/v1/completions", R"({"prompt":"a","max_tokens":2})").status, 200);
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(20)));
  expect_nothing_left();
}

TEST_F(ServerTest, KeepsTenantsApart) {
  const auto keys = KeyRing::parse(
      "[[tenant]]\nname = \"alice\"\nkeys = [\"sha256:" + hex(sha256("a-key")) +
          "\"]\nrequests_per_minute = 2\n[[tenant]]\nname = \"root\"\nkeys = [\"sha256:" +
          hex(sha256("r-key")) + "\"]\noperator = true\n",
      "keys");
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  start_server({}, std::move(const_cast<KeyRing&>(*keys)));
  const std::string alice = "Authorization: Bearer a-key\r\n";
  const std::string root = "Authorization: Bearer r-key\r\n";
  const std::string body = R"({"prompt":"a","max_tokens":2})";
  EXPECT_EQ(post("/v1/completions", body).status, 401);
  EXPECT_EQ(post("/v1/completions", body, "Authorization: Bearer b-key\r\n").status, 401);
  EXPECT_EQ(get("/v1/models").status, 401);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/stats", alice).status, 403);
  EXPECT_EQ(post("/v1/completions", body, alice).status, 200);
  EXPECT_EQ(post("/v1/completions", body, alice).status, 200);
  const HttpReply third = post("/v1/completions", body, alice);
  EXPECT_EQ(third.status, 429);
  EXPECT_GT(std::stoi(third.headers.at("retry-after")), 0);
  EXPECT_EQ(post("/v1/completions", body, root).status, 200);
  const json stats = json::parse(get("/stats", root).body);
  EXPECT_EQ(stats["tenants"][0]["name"], "alice");
  EXPECT_EQ(stats["tenants"][0]["requests"], 2);
}

TEST_F(ServerTest, TellsWhenItsQueueIsFull) {
  llmos::EngineOptions options;
  options.scheduler.sequences_max = 1;
  options.scheduler.queue_max = 2;
  open_engine(options);
  start_server();
  const std::string endless = R"({"prompt":"the","max_tokens":100000,"ignore_eos":true})";
  std::vector<std::unique_ptr<Client>> clients;
  HttpReply refused;
  for (int i = 0; i < 20 && refused.status != 503; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send_request("POST", "/v1/completions", endless);
    Client asks(port());
    asks.send_request("POST", "/v1/completions", R"({"prompt":"the","n":2,"max_tokens":1})");
    const std::string some = asks.read_some(4096, std::chrono::milliseconds(100));
    if (some.find(" 503 ") != some.npos) {
      refused.status = 503;
      refused.body = some;
    }
  }
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("Retry-After: "));
  EXPECT_THAT(refused.body, HasSubstr("queue_full"));
}

TEST_F(ServerTest, EndsARequestAtItsDeadline) {
  ServerOptions options;
  options.deadline = std::chrono::milliseconds(1);
  start_server(options);
  const HttpReply reply =
      post("/v1/completions", R"({"prompt":"the","max_tokens":100000,"ignore_eos":true})");
  EXPECT_EQ(reply.status, 504) << reply.body;
}

TEST_F(ServerTest, DrainsBeforeItEnds) {
  start_server();
  Client running(port());
  running.send_request("POST", "/v1/completions",
                       R"({"prompt":"the","max_tokens":300,"ignore_eos":true,"stream":true})");
  ASSERT_FALSE(running.read_some(10).empty());
  server().begin_drain();
  EXPECT_EQ(get("/health/ready").status, 503);
  EXPECT_EQ(get("/health/live").status, 200);
  const HttpReply refused = post("/v1/completions", R"({"prompt":"a"})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  std::string rest;
  for (std::string some = running.read_some(); !some.empty(); some = running.read_some())
    rest += some;
  EXPECT_THAT(rest, HasSubstr("data: [DONE]"));
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(20)));
}

TEST_F(ServerTest, EndsWhileItWorks) {
  start_server();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send_request(
        "POST", i % 3 ? "/v1/completions" : "/v1/embeddings",
        i % 3 ? R"({"prompt":"the","max_tokens":100000,"ignore_eos":true,"stream":true})"
              : R"({"input":["a","b","c","d"]})");
  }
  ASSERT_FALSE(clients[1]->read_some(10).empty());
  stop_server();
  expect_nothing_left();
}

TEST_F(ServerTest, RefusesWrongOptions) {
  open_engine();
  const auto code = [&](ServerOptions options) {
    return Server::start(engine(), options, {}).status().code();
  };
  EXPECT_EQ(code({.address = "nowhere"}), llmos::Code::kInvalid);
  EXPECT_EQ(code({.connections_max = 0}), llmos::Code::kInvalid);
  EXPECT_EQ(code({.address = "192.0.2.1"}), llmos::Code::kDenied);  // not of this machine
}

}  // namespace
}  // namespace server
