// SPDX-License-Identifier: Apache-2.0
// Stream::suspend() and Engine::resume().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "api/golden_model.h"
#include "base/rng.h"
#include "llmos/engine.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "support/text_model.h"

namespace llmos::test {
namespace {

class Suspend : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_text_model(golden_path("llama2/model.gguf"), path_).ok());
  }
  Engine open(EngineOptions options = {}) const {
    options.threads = 1;
    options.stream_tokens = 4;  // none runs far ahead of its reader
    return Engine::open(path_, options).value();
  }
  TempDir dir_;
  const std::string path_ = dir_ / "text.gguf";
};

// Everything that has a state: penalties, mirostat, DRY, a stop string, several choices, scores.
Request rich(uint64_t seed) {
  Request request{.prompt = "hello there", .tokens_max = 40, .ignore_end = true};
  request.sampling.temperature = 0.9f;
  request.sampling.repetition_penalty = 1.2f;
  request.sampling.frequency_penalty = 0.2f;
  request.sampling.dry.multiplier = 0.8f;
  request.sampling.mirostat.tau = 4;
  request.sampling.seed = seed;
  request.stop = {"zq", "xx"};
  request.choices = 2;
  request.logprobs = true;
  request.logprobs_top = 2;
  request.prompt_logprobs = true;
  return request;
}

void expect_same(const Reply& a, const Reply& b) {
  const auto same = [](const Output& x, const Output& y) {
    EXPECT_EQ(x.tokens, y.tokens);
    EXPECT_EQ(x.text, y.text);
    EXPECT_EQ(x.finish, y.finish);
    ASSERT_EQ(x.scores.size(), y.scores.size());
    for (size_t i = 0; i < x.scores.size(); ++i) {
      EXPECT_EQ(x.scores[i].logprob, y.scores[i].logprob);
      EXPECT_EQ(x.scores[i].top.size(), y.scores[i].top.size());
    }
  };
  same(a, b);
  ASSERT_EQ(a.others.size(), b.others.size());
  for (size_t i = 0; i < a.others.size(); ++i) same(a.others[i], b.others[i]);
  ASSERT_EQ(a.prompt_scores.size(), b.prompt_scores.size());
  for (size_t i = 0; i < a.prompt_scores.size(); ++i) {
    EXPECT_EQ(a.prompt_scores[i].logprob, b.prompt_scores[i].logprob);
  }
  EXPECT_EQ(a.usage.output_tokens, b.usage.output_tokens);
}

// Again and again, to the same engine and to others with other blocks and depths.
TEST_F(Suspend, GivesTheSameReplyHoweverOftenItMoves) {
  Rng rng(test::seed("suspend"));
  Engine engines[] = {open(), open({.cache = {.block_tokens = 5}}), open({.overlap = true}),
                      open({.scheduler = {.sequences_max = 2, .step_tokens = 9}})};
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const Reply expected = engines[0].generate(rich(seed)).value();
    Stream stream = engines[0].submit(rich(seed)).value();
    std::string shown[2];
    const auto show = [&](const std::optional<Chunk>& chunk) {
      if (chunk) shown[chunk->choice] += chunk->text;
    };
    for (int moves = 0; moves < 6; ++moves) {
      for (uint64_t chunks = rng.below(12); chunks > 0; --chunks) show(stream.next());
      const auto image = stream.suspend();
      if (!image.ok()) {  // it was over before
        EXPECT_EQ(image.status().code(), Code::kInvalid);
        break;
      }
      EXPECT_FALSE(stream.next().has_value());
      EXPECT_EQ(stream.wait().status().code(), Code::kCancelled);
      stream = engines[rng.below(4)].resume(*image).value();
    }
    while (!stream.ended()) show(stream.next());
    expect_same(stream.wait().value(), expected);
    EXPECT_EQ(shown[0], expected.text);
    EXPECT_EQ(shown[1], expected.others[0].text);
  }
}

// What was computed is not computed again where blocks have the same shape.
TEST_F(Suspend, BringsItsKeysAndValues) {
  Engine engine = open();
  Request request{.prompt = std::string(60, 'a'),
                  .sampling = {.temperature = 0},
                  .tokens_max = 40,
                  .ignore_end = true};
  Stream stream = engine.submit(request).value();
  for (int i = 0; i < 10; ++i) static_cast<void>(stream.next());
  const auto image = stream.suspend().value();
  const uint64_t before = engine.metrics().prompt_tokens;
  Stream again = engine.resume(image).value();
  EXPECT_EQ(again.wait().value().tokens, engine.generate(request).value().tokens);
  const uint64_t computed = engine.metrics().prompt_tokens - before;
  EXPECT_LE(computed, 2 + engine.tokenizer().encode(std::string(60, 'a')).size());
}

TEST_F(Suspend, RefusesStrangersAndDamage) {
  Engine engine = open();
  Stream stream = engine.submit(rich(1)).value();
  std::vector<std::byte> image = stream.suspend().value();
  Engine other = Engine::open(path_, {.threads = 1, .cache = {.kv_type = "f16"}}).value();
  EXPECT_EQ(other.resume(image).status().code(), Code::kInvalid);
  Engine small = Engine::open(path_, {.threads = 1, .context = 8}).value();
  EXPECT_EQ(small.resume(image).status().code(), Code::kInvalid);
  image[image.size() / 2] ^= std::byte{1};
  EXPECT_EQ(engine.resume(image).status().code(), Code::kCorrupt);
  EXPECT_EQ(engine.resume({}).status().code(), Code::kCorrupt);
  EXPECT_EQ(engine.resume_from(dir_ / "none").status().code(), Code::kNotFound);
}

TEST_F(Suspend, AFullDiskLosesNothing) {
  Engine engine = open();
  const Reply expected = engine.generate(rich(3)).value();
  Stream stream = engine.submit(rich(3)).value();
  EXPECT_FALSE(stream.suspend_to(dir_ / "no/such/folder/image").ok());
  ASSERT_TRUE(stream.suspend_to(dir_ / "image").ok());
  expect_same(engine.resume_from(dir_ / "image").value().wait().value(), expected);
}

constexpr const char* kChildFolder = "LLMOS_TEST_SUSPEND_FOLDER";

// Of the test below, in a process of its own.
TEST(SuspendChild, GoesOn) {
  const char* const folder = std::getenv(kChildFolder);
  if (!folder) GTEST_SKIP() << "runs as a part of Suspend.AnotherProcessGoesOn";
  const std::string path = folder;
  Engine engine = Engine::open(path + "/text.gguf", {.threads = 1}).value();
  const Reply reply = engine.resume_from(path + "/image").value().wait().value();
  std::ofstream(path + "/text") << reply.text << '\n' << reply.others[0].text;
}

TEST_F(Suspend, AnotherProcessGoesOn) {
  Engine engine = open();
  const Reply expected = engine.generate(rich(5)).value();
  Stream stream = engine.submit(rich(5)).value();
  for (int i = 0; i < 7; ++i) static_cast<void>(stream.next());
  ASSERT_TRUE(stream.suspend_to(dir_ / "image").ok());
  const std::string command = std::string(kChildFolder) + "='" + dir_.path() + "' /proc/" +
                              std::to_string(::getpid()) +
                              "/exe --gtest_filter=SuspendChild.GoesOn > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream file(dir_ / "text");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, expected.text + '\n' + expected.others[0].text);
}

}  // namespace
}  // namespace llmos::test
