// SPDX-License-Identifier: Apache-2.0
#include "llmos/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "api/golden_model.h"
#include "base/os_disk.h"
#include "base/rng.h"
#include "llmos/queue.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "support/text_model.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

Engine open_engine(EngineOptions options = {}, const std::string& name = "llama2") {
  if (options.threads == 0) options.threads = 1;
  return Engine::open(golden_path(name + "/model.gguf"), options).value();
}

Request greedy(std::vector<TokenId> prompt = kPrompt, uint32_t tokens = 8) {
  return {.prompt = std::move(prompt), .sampling = {.temperature = 0}, .tokens_max = tokens};
}

TEST(Engine, ContinuesAsTheGoldenModelDoes) {
  Engine engine = open_engine();
  const Result<Reply> reply = engine.generate(greedy());
  ASSERT_TRUE(reply.ok()) << reply.status().to_string();
  EXPECT_EQ(reply->tokens, kGreedy);
  EXPECT_EQ(reply->finish, Finish::kLength);
  EXPECT_EQ(reply->usage.prompt_tokens, kPrompt.size());
  EXPECT_EQ(reply->usage.output_tokens, kGreedy.size());
}

TEST(Engine, RanksGiveTheTokensOfOne) {
  for (const uint32_t ranks : {2u, 3u}) {
    Engine engine = open_engine({.ranks = ranks});
    EXPECT_EQ(engine.generate(greedy()).value().tokens, kGreedy) << ranks << " ranks";
  }
  const Result<Engine> refused =
      Engine::open(golden_path("llama2/model.gguf"), {.threads = 1, .ranks = 4});
  EXPECT_EQ(refused.status().code(), Code::kInvalid);
  EXPECT_THAT(refused.status().message(), HasSubstr("this model can have 1, 2, 3"));
  const Result<Engine> swapping =
      Engine::open("nowhere", {.ranks = 2, .cache = {.swap_directory = "/tmp"}});
  EXPECT_EQ(swapping.status().code(), Code::kUnsupported);
  EXPECT_EQ(Engine::open("nowhere", {.ranks = 1000}).status().code(), Code::kInvalid);
  EXPECT_EQ(Engine::open("nowhere", {.rank_timeout = Millis(0)}).status().code(), Code::kInvalid);
}

// More sequences than the memory holds: those that make room come back from a file.
TEST(Engine, SwapsToAFile) {
  const TempDir dir;
  if (os::is_in_memory(dir.path())) GTEST_SKIP() << dir.path() << " lies in memory";
  const CacheOptions small{.bytes = 72 << 10, .block_tokens = 4, .swap_directory = dir.path()};
  Engine engine = open_engine({.cache = small});
  EXPECT_EQ(dir.entry_count(), 0u) << "the file has no name";
  const std::vector<TokenId> expected = engine.generate(greedy(kPrompt, 60)).value().tokens;
  std::vector<Stream> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(engine.submit(greedy(kPrompt, 60)).value());
  uint64_t preemptions = 0;
  for (Stream& stream : streams) {
    const Reply reply = stream.wait().value();
    EXPECT_EQ(reply.tokens, expected);
    preemptions += reply.usage.preemptions;
  }
  EXPECT_GT(preemptions, 0u);
  const Metrics metrics = engine.metrics();
  EXPECT_EQ(metrics.preemptions, preemptions);
  EXPECT_EQ(metrics.swap_failures, 0u);
  EXPECT_THAT(engine.metrics_text(), HasSubstr("llmos_swapped_bytes_total"));
  EngineOptions bad{.cache = {.swap_directory = dir / "none"}};
  EXPECT_EQ(Engine::open(golden_path("llama2/model.gguf"), bad).status().code(), Code::kNotFound);
  bad.cache = {.swap_directory = dir.path(), .swap_bytes = 1};
  EXPECT_EQ(Engine::open(golden_path("llama2/model.gguf"), bad).status().code(), Code::kInvalid);
}

TEST(Engine, StreamsEveryTokenOnce) {
  Engine engine = open_engine();
  Stream stream = engine.submit(greedy()).value();
  std::vector<TokenId> tokens;
  std::optional<Finish> finish;
  while (const std::optional<Chunk> chunk = stream.next()) {
    tokens.insert(tokens.end(), chunk->tokens.begin(), chunk->tokens.end());
    if (chunk->finish) finish = chunk->finish;
  }
  EXPECT_EQ(tokens, kGreedy);
  EXPECT_EQ(finish, Finish::kLength);
  EXPECT_TRUE(stream.ended());
  EXPECT_EQ(stream.wait().value().tokens, kGreedy);
  EXPECT_EQ(stream.wait().status().code(), Code::kInvalid);
}

// What a request gives does not depend on what else runs, on how it is cut, or on the policy.
TEST(Engine, GivesTheSameTokensHoweverItIsScheduled) {
  Rng rng(test::seed("engine equivalence"));
  std::vector<Request> requests;
  for (int i = 0; i < 24; ++i) {
    std::vector<TokenId> prompt(1 + rng.below(40));
    for (TokenId& id : prompt) id = TokenId(rng.below(128));
    requests.push_back({.prompt = prompt,
                        .sampling = {.temperature = rng.bernoulli(0.5) ? 0.0f : 0.9f,
                                     .repetition_penalty = rng.bernoulli(0.5) ? 1.0f : 1.2f,
                                     .seed = rng.u64()},
                        .tokens_max = uint32_t(1 + rng.below(30)),
                        .choices = uint32_t(1 + rng.below(3))});
  }
  std::vector<Reply> expected;
  {
    Engine engine = open_engine();
    for (const Request& request : requests) expected.push_back(engine.generate(request).value());
  }
  for (const char* policy : {"fcfs", "sjf", "priority", "fair", "round-robin", "gittins-learned",
                             "mlfq-skipjoin", "mlfq"}) {
    for (const bool overlap : {false, true}) {
      EngineOptions options{.cache = {.bytes = uint64_t(20 + rng.below(60)) << 12,
                                      .block_tokens = uint32_t(1 + rng.below(20))},
                            .scheduler = {.policy = policy,
                                          .sequences_max = uint32_t(1 + rng.below(8)),
                                          .step_tokens = uint32_t(9 + rng.below(40))},
                            .overlap = overlap};
      options.cache.bytes *= 8;
      Engine engine = open_engine(options);
      std::vector<Stream> streams;
      for (const Request& request : requests) {
        Result<Stream> stream = engine.submit(request);
        ASSERT_TRUE(stream.ok()) << stream.status().to_string();
        streams.push_back(*std::move(stream));
      }
      for (size_t i = 0; i < streams.size(); ++i) {
        const Result<Reply> reply = streams[i].wait();
        ASSERT_TRUE(reply.ok()) << policy << ' ' << overlap << ' ' << reply.status().to_string();
        EXPECT_EQ(reply->tokens, expected[i].tokens) << policy << ' ' << overlap << ' ' << i;
        for (size_t c = 0; c < reply->others.size(); ++c) {
          EXPECT_EQ(reply->others[c].tokens, expected[i].others[c].tokens);
        }
      }
    }
  }
}

TEST(Engine, ChoicesDiffer) {
  Engine engine = open_engine();
  const Reply reply = engine.generate({.prompt = kPrompt, .tokens_max = 20, .choices = 4}).value();
  ASSERT_EQ(reply.others.size(), 3u);
  for (const Output& other : reply.others) {
    EXPECT_EQ(other.tokens.size(), 20u);
    EXPECT_NE(other.tokens, reply.tokens);
  }
}

TEST(Engine, TellsLogProbabilitiesOfAnswerAndPrompt) {
  Engine engine = open_engine();
  Request request = greedy();
  request.logprobs = request.prompt_logprobs = true;
  request.logprobs_top = 3;
  const Reply reply = engine.generate(request).value();
  Model model = golden_model();
  std::vector<TokenId> text = kPrompt;
  text.insert(text.end(), kGreedy.begin(), kGreedy.end());
  const auto expected = model.score(text, 3).value();
  ASSERT_EQ(reply.prompt_scores.size(), kPrompt.size());
  ASSERT_EQ(reply.scores.size(), kGreedy.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const PositionScore& score =
        i < kPrompt.size() ? reply.prompt_scores[i] : reply.scores[i - kPrompt.size()];
    EXPECT_EQ(score.id, text[i]);
    ASSERT_EQ(score.logprob.has_value(), i > 0);
    if (i == 0) continue;
    EXPECT_NEAR(*score.logprob, *expected[i].logprob, 1e-5);
    ASSERT_EQ(score.top.size(), 3u);
    for (size_t k = 0; k < 3; ++k) EXPECT_EQ(score.top[k].id, expected[i].top[k].id);
  }
}

TEST(Engine, RefusesBadRequestsAtSubmit) {
  Engine engine = open_engine();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto message = [&](Request request) {
    const Status status = engine.submit(std::move(request)).status();
    EXPECT_EQ(status.code(), Code::kInvalid) << status.to_string();
    return status.message();
  };
  EXPECT_THAT(message({.prompt = std::vector<TokenId>{}}), HasSubstr("at least one token"));
  EXPECT_THAT(message({.prompt = std::vector<TokenId>(5000, 1)}), HasSubstr("fewer than 128"));
  EXPECT_THAT(message({.prompt = std::vector<TokenId>{1, 128}}), HasSubstr("found 128"));
  EXPECT_THAT(message({.prompt = std::vector<TokenId>{-1}}), HasSubstr("found -1"));
  EXPECT_THAT(message({.prompt = kPrompt, .sampling = {.temperature = nan}}),
              HasSubstr("sampling.temperature"));
  EXPECT_THAT(message({.prompt = kPrompt, .sampling = {.top_p = -1}}), HasSubstr("sampling.top_p"));
  EXPECT_THAT(message({.prompt = kPrompt, .stop = {std::string(1 << 20, 'x')}}),
              HasSubstr("stop string"));
  EXPECT_THAT(message({.prompt = kPrompt, .stop = {""}}), HasSubstr("stop string"));
  EXPECT_THAT(message({.prompt = kPrompt, .choices = 1'000'000}), HasSubstr("choices"));
  EXPECT_THAT(message({.prompt = kPrompt, .choices = 0}), HasSubstr("choices"));
  EXPECT_THAT(message({.prompt = kPrompt, .tokens_max = 0}), HasSubstr("tokens_max"));
  EXPECT_THAT(message({.prompt = kPrompt, .tokens_max = 2, .tokens_min = 3}),
              HasSubstr("tokens_min"));
  EXPECT_THAT(message({.prompt = kPrompt, .stop_tokens = {500}}), HasSubstr("stop_tokens"));
  EXPECT_THAT(message({.prompt = kPrompt, .logprobs_top = 100}), HasSubstr("logprobs_top"));
  EXPECT_THAT(message({.prompt = kPrompt, .deadline = Millis(-1)}), HasSubstr("deadline"));
  EXPECT_THAT(message({.prompt = kPrompt, .tokens_hint = -1}), HasSubstr("tokens_hint"));
  EXPECT_THAT(message({.prompt = kPrompt, .tenant = std::string(1000, 't')}), HasSubstr("tenant"));
  EXPECT_EQ(engine.submit({.prompt = kPrompt, .constraint = {.regex = "a"}}).status().code(),
            Code::kUnsupported);
  EXPECT_EQ(engine.generate(greedy()).value().tokens, kGreedy);
}

TEST(Engine, StopsAtTokensAndHonoursTheLeast) {
  Engine engine = open_engine();
  Request request = greedy();
  request.stop_tokens = {kGreedy[3]};
  const Reply reply = engine.generate(request).value();
  EXPECT_EQ(reply.finish, Finish::kStop);
  EXPECT_EQ(reply.tokens, std::vector<TokenId>(kGreedy.begin(), kGreedy.begin() + 4));
  request.tokens_min = 8;
  const Reply longer = engine.generate(request).value();
  EXPECT_EQ(longer.tokens.size(), 8u);
}

class Boost : public LogitsHook {
 public:
  explicit Boost(bool throws) : throws_(throws) {}
  void adjust(const LogitsContext& context, std::span<float> logits) override {
    if (throws_ && context.tokens.size() - context.prompt_tokens == 2) throw std::bad_alloc();
    logits[7] = 1000;
  }

 private:
  const bool throws_;
};

TEST(Engine, AHookChangesItsOwnRequestOnly) {
  for (const bool overlap : {false, true}) {
    Engine engine = open_engine({.overlap = overlap});
    Boost good(false), bad(true);
    Request boosted = greedy(), broken = greedy();
    boosted.logits_hook = &good;
    broken.logits_hook = &bad;
    Stream a = engine.submit(boosted).value();
    Stream b = engine.submit(broken).value();
    Stream c = engine.submit(greedy()).value();
    EXPECT_EQ(a.wait().value().tokens, std::vector<TokenId>(8, 7));
    EXPECT_EQ(b.wait().status().code(), Code::kInternal);
    EXPECT_EQ(c.wait().value().tokens, kGreedy);
  }
}

// Even ids, and no more than six of them.
class SixEven : public TokenMask {
 public:
  bool allow(const LogitsContext& context, std::span<uint64_t> mask) override {
    std::fill(mask.begin(), mask.end(), 0x5555555555555555u);
    return context.tokens.size() - context.prompt_tokens < 6;
  }
};

TEST(Engine, AMaskDecidesWhatMayCome) {
  for (const bool overlap : {false, true}) {
    Engine engine = open_engine({.overlap = overlap});
    SixEven mask;
    Request request = greedy(kPrompt, 50);
    request.token_mask = &mask;
    request.choices = 2;
    const Reply reply = engine.generate(request).value();
    EXPECT_EQ(reply.tokens.size(), 6u);
    EXPECT_EQ(reply.others[0].tokens, reply.tokens);
    EXPECT_EQ(reply.finish, Finish::kStop);
    for (const TokenId id : reply.tokens) EXPECT_EQ(id % 2, 0);
  }
}

TEST(Engine, CancelsAndGoesOn) {
  Engine engine = open_engine({.stream_tokens = 4});  // it cannot end before it is cancelled
  Stream stream = engine.submit(greedy(kPrompt, 100)).value();
  static_cast<void>(stream.next());
  stream.cancel();
  EXPECT_EQ(stream.wait().status().code(), Code::kCancelled);
  { const Stream dropped = engine.submit(greedy(kPrompt, 100)).value(); }
  EXPECT_EQ(engine.generate(greedy()).value().tokens, kGreedy);
}

TEST(Engine, ParksAReaderThatStopsAndLosesNothing) {
  Engine engine = open_engine({.stream_tokens = 4});
  const std::vector<TokenId> expected = engine.generate(greedy(kPrompt, 100)).value().tokens;
  Stream stream = engine.submit(greedy(kPrompt, 100)).value();
  while (engine.metrics().parked == 0) {
    ASSERT_TRUE(engine.generate(greedy()).ok());  // others go on
  }
  EXPECT_EQ(stream.wait().value().tokens, expected);
}

TEST(Engine, EndsAStalledReader) {
  Engine engine = open_engine({.stream_tokens = 4, .reader_stall_max = Millis(20)});
  Stream stream = engine.submit(greedy(kPrompt, 100)).value();
  while (engine.metrics().cancelled == 0) std::this_thread::sleep_for(Millis(5));
  EXPECT_EQ(stream.wait().status().code(), Code::kCancelled);
}

TEST(Engine, MissesADeadline) {
  Engine engine = open_engine({.stream_tokens = 4});
  Request request = greedy(kPrompt, 100);
  request.deadline = Millis(10);
  Stream stream = engine.submit(request).value();
  std::this_thread::sleep_for(Millis(50));
  EXPECT_EQ(stream.wait().status().code(), Code::kDeadline);
}

TEST(Engine, RefusesWhatTheQueueCannotHold) {
  Engine engine = open_engine({.scheduler = {.sequences_max = 1, .queue_max = 4}});
  std::vector<Stream> streams;
  Code code = Code::kOk;
  for (int i = 0; i < 100 && code == Code::kOk; ++i) {
    Result<Stream> stream = engine.submit(greedy(kPrompt, 100));
    code = stream.status().code();
    if (stream.ok()) streams.push_back(*std::move(stream));
  }
  EXPECT_EQ(code, Code::kExhausted);
  EXPECT_EQ(engine.metrics().refused, 1u);
  for (Stream& stream : streams) EXPECT_TRUE(stream.wait().ok());
}

TEST(Engine, DrainsAndAcceptsNothingMore) {
  Engine engine = open_engine();
  Stream stream = engine.submit(greedy(kPrompt, 50)).value();
  EXPECT_TRUE(engine.drain(Millis(60'000)).ok());
  EXPECT_EQ(stream.wait().value().tokens.size(), 50u);
  EXPECT_EQ(engine.submit(greedy()).status().code(), Code::kCancelled);
}

TEST(Engine, StreamsOutliveIt) {
  std::optional<Stream> stream;
  {
    Engine engine = open_engine({.stream_tokens = 4});
    stream = engine.submit(greedy(kPrompt, 100)).value();
  }
  EXPECT_EQ(stream->wait().status().code(), Code::kCancelled);
  stream->cancel();
}

// One thread serves all streams.
class ReadyList : public Readiness {
 public:
  void ready(uint64_t request) noexcept override { queue_.push(uint64_t(request)); }
  std::optional<uint64_t> pop() { return queue_.pop_for(std::chrono::seconds(60)); }

 private:
  MpscQueue<uint64_t> queue_{1 << 16};
};

TEST(Engine, TellsWhoIsReady) {
  Engine engine = open_engine({.stream_tokens = 8});
  const std::vector<TokenId> expected = engine.generate(greedy(kPrompt, 60)).value().tokens;
  ReadyList ready;
  std::map<uint64_t, std::pair<Stream, std::vector<TokenId>>> streams;
  for (int i = 0; i < 50; ++i) {
    Request request = greedy(kPrompt, 60);
    request.readiness = &ready;
    Stream stream = engine.submit(request).value();
    const uint64_t id = stream.id();
    streams.emplace(id, std::pair(std::move(stream), std::vector<TokenId>()));
  }
  size_t done = 0;
  while (done < streams.size()) {
    const std::optional<uint64_t> id = ready.pop();
    ASSERT_TRUE(id.has_value());
    auto& [stream, tokens] = streams.at(*id);
    if (tokens.size() == 60) continue;
    while (const auto chunk = stream.try_next()) {
      tokens.insert(tokens.end(), chunk->tokens.begin(), chunk->tokens.end());
    }
    done += tokens.size() == 60;
  }
  for (auto& [id, entry] : streams) EXPECT_EQ(entry.second, expected);
}

TEST(Engine, ServesManyThreads) {
  Engine engine = open_engine({.scheduler = {.queue_max = 100}});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(engine.generate(greedy()).value().tokens, kGreedy);
    });
  }
  threads.clear();
  const Metrics metrics = engine.metrics();
  EXPECT_EQ(metrics.completed, 80u);
  EXPECT_EQ(metrics.output_tokens, 80 * kGreedy.size());
  EXPECT_THAT(engine.metrics_text(), HasSubstr("llmos_output_tokens_total 640"));
}

TEST(Engine, EmbedsWhateverElseRunsAndHoweverItIsCut) {
  Rng rng(test::seed("embeddings"));
  std::vector<TokenId> prompt(60);
  for (TokenId& id : prompt) id = TokenId(rng.below(128));
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean, Pooling::kCls}) {
    std::vector<float> expected;
    for (const uint32_t step_tokens : {128u, 9u, 40u}) {
      Engine engine = open_engine({.scheduler = {.sequences_max = 4, .step_tokens = step_tokens}});
      Stream other = engine.submit(greedy(kPrompt, 60)).value();
      const Embedding embedding =
          engine.embed({.prompt = prompt, .pooling = pooling, .normalise = false}).value();
      if (expected.empty()) expected = embedding.vector;
      EXPECT_EQ(embedding.vector, expected);
      EXPECT_EQ(embedding.vector.size(), engine.model().dim);
      const Embedding unit = engine.embed({.prompt = prompt, .pooling = pooling}).value();
      double square = 0;
      for (const float x : unit.vector) square += double(x) * double(x);
      EXPECT_NEAR(square, 1, 1e-5);
      EXPECT_TRUE(other.wait().ok());
    }
  }
  Engine engine = open_engine();
  EXPECT_NE(engine.embed({.prompt = prompt, .pooling = Pooling::kLast}).value().vector,
            engine.embed({.prompt = prompt, .pooling = Pooling::kMean}).value().vector);
  EXPECT_EQ(engine.embed({.prompt = std::vector<TokenId>{}}).status().code(), Code::kInvalid);
}

// With text: stop strings, conversations, whole characters.
class EngineText : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_text_model(golden_path("llama2/model.gguf"), path_).ok());
  }
  TempDir dir_;
  std::string path_ = dir_ / "text.gguf";
};

TEST_F(EngineText, StopStringsEndTheAnswerAndAreLeftOut) {
  Engine engine = Engine::open(path_, {.threads = 1}).value();
  Request request{
      .prompt = "hello", .sampling = {.temperature = 0}, .tokens_max = 40, .ignore_end = true};
  const Reply whole = engine.generate(request).value();
  ASSERT_GT(whole.text.size(), 12u);
  request.stop = {whole.text.substr(6, 3)};
  const Reply cut = engine.generate(request).value();
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(request.stop[0])));
  EXPECT_EQ(cut.finish, Finish::kStop);
  Stream stream = engine.submit(request).value();
  std::string pieces;
  while (const auto chunk = stream.next()) pieces += chunk->text;
  EXPECT_EQ(pieces, cut.text);
}

TEST_F(EngineText, AnswersAsTheDirectModelDoes) {
  Engine engine = Engine::open(path_, {.threads = 1}).value();
  Model model = Model::open(path_, {.threads = 1}).value();
  for (const char* prompt : {"a", "hello there", "x\ny z"}) {
    const Reply reply =
        engine.generate({.prompt = prompt, .sampling = {.seed = 5}, .tokens_max = 30}).value();
    const Generation direct =
        model
            .generate(model.tokenizer().encode(prompt), {.sampling = {.seed = 5}, .tokens_max = 30})
            .value();
    EXPECT_EQ(reply.text, direct.text);
    EXPECT_EQ(reply.tokens, direct.tokens);
    EXPECT_EQ(reply.finish, direct.finish);
  }
}

TEST_F(EngineText, ConversationsAreRenderedWithTheirTools) {
  Engine engine = Engine::open(path_, {.threads = 1}).value();
  const std::vector<Message> messages{{.role = "user", .content = "hi"}};
  const auto answer = [&](Prompt prompt, const std::string& tools) {
    return engine
        .generate({.prompt = std::move(prompt),
                   .sampling = {.temperature = 0},
                   .tokens_max = 12,
                   .tools = tools})
        .value()
        .tokens;
  };
  const auto tokens = [&](const std::string& text) {
    return Prompt(engine.tokenizer().encode(text, {.add_special = false}));
  };
  EXPECT_EQ(answer(messages, ""), answer(tokens("u:hi\na:"), ""));
  EXPECT_EQ(answer(messages, R"([{"name": "f"}])"), answer(tokens("u:hi\n1t\na:"), ""));
  EXPECT_EQ(engine.submit({.prompt = messages, .tools = "{"}).status().code(), Code::kInvalid);
  EXPECT_EQ(engine.submit({.prompt = std::vector<Message>{}}).status().code(), Code::kInvalid);
}

TEST(Engine, RefusesBadOptions) {
  const std::string path = golden_path("llama2/model.gguf");
  EXPECT_EQ(Engine::open(path, {.scheduler = {.policy = "best"}}).status().code(), Code::kNotFound);
  EXPECT_EQ(Engine::open(path, {.cache = {.bytes = 1}}).status().code(), Code::kInvalid);
  EXPECT_EQ(Engine::open(path, {.scheduler = {.queue_max = 0}}).status().code(), Code::kInvalid);
  EXPECT_EQ(Engine::open(path, {.stream_tokens = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(Engine::open(path + "x").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace llmos::test
