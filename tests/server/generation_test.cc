// SPDX-License-Identifier: Apache-2.0
#include "server/generation.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "server/engine_fixture.h"

namespace server {
namespace {

using nlohmann::json;

// Waits for the engine as an I/O thread would.
class Bell : public llmos::Readiness {
 public:
  void ready(uint64_t) noexcept override {
    const std::lock_guard lock(mutex_);
    ++rings_;
    rung_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(rung_.wait_for(lock, std::chrono::seconds(20), [&] { return rings_ > 0; }));
    rings_ = 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable rung_;
  int rings_ = 0;
};

class GenerationTest : public test::EngineFixture {
 protected:
  GenerationTest() { open_engine(); }

  std::unique_ptr<Generation> start(const std::string& body) {
    GenerationContext context;
    context.model = "tiny";
    context.bell = &bell_;
    auto request = parse_completion_request(body);
    if (const auto* error = std::get_if<ApiError>(&request)) {
      ADD_FAILURE() << error->message;
      return nullptr;
    }
    auto started = Generation::start(engine(), std::get<GenerateRequest>(std::move(request)),
                                     Admission(), context);
    if (const auto* error = std::get_if<ApiError>(&started)) {
      refusal_ = *error;
      return nullptr;
    }
    return std::get<std::unique_ptr<Generation>>(std::move(started));
  }
  std::string run(Generation& generation) {
    std::string out;
    for (;;) {
      const Generation::State state = generation.advance(out);
      if (state == Generation::State::kEnded) return out;
      if (state == Generation::State::kWaiting) bell_.wait();
    }
  }

  Bell bell_;
  ApiError refusal_;
};

TEST_F(GenerationTest, AnswersEveryPromptInItsOrder) {
  const auto generation =
      start(R"({"prompt":["the","other","that"],"n":2,"max_tokens":6,"seed":1,"ignore_eos":true})");
  ASSERT_TRUE(generation);
  EXPECT_EQ(generation->stream_ids().size(), 3u);
  const json reply = json::parse(run(*generation));
  ASSERT_EQ(reply["choices"].size(), 6u);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(reply["choices"][i]["index"], i);
  EXPECT_EQ(reply["usage"]["completion_tokens"], 36);
  EXPECT_EQ(generation->failure(), nullptr);
}

// The pieces of a stream, put together, are the whole answer.
TEST_F(GenerationTest, StreamsWhatItWouldAnswer) {
  const std::string body = R"({"prompt":["the","of"],"n":2,"max_tokens":20,"seed":3)";
  const auto whole = start(body + "}");
  const json reply = json::parse(run(*whole));
  const auto stream = start(body + R"(,"stream":true})");
  std::vector<std::string> texts(4);
  const std::string out = run(*stream);
  const auto events = test::events_of(out);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back(), "[DONE]");
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    const json choice = json::parse(events[i])["choices"][0];
    texts[choice["index"]] += choice["text"].get<std::string>();
  }
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], reply["choices"][i]["text"]);
}

TEST_F(GenerationTest, EndsAfterACancel) {
  const auto generation = start(R"({"prompt":"the","max_tokens":100000,"ignore_eos":true})");
  ASSERT_TRUE(generation);
  generation->cancel();
  run(*generation);
  ASSERT_TRUE(generation->failure());
  EXPECT_EQ(generation->failure()->http_status, 503);
}

TEST_F(GenerationTest, TellsARefusal) {
  EXPECT_FALSE(start(R"({"prompt":[1000000]})"));
  EXPECT_EQ(refusal_.http_status, 400);
  // The second of two: the first ends, then the error is told.
  const auto generation = start(R"({"prompt":[[5],[1000000]],"max_tokens":100000})");
  ASSERT_TRUE(generation);
  EXPECT_EQ(run(*generation), "");
  ASSERT_TRUE(generation->failure());
  EXPECT_EQ(generation->failure()->http_status, 400);
  expect_nothing_left();
}

}  // namespace
}  // namespace server
