// SPDX-License-Identifier: Apache-2.0
// Engine: the map of its memory, pins, and the cache between two runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/golden_model.h"
#include "llmos/engine.h"
#include "support/temp_dir.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

Engine open_engine(const std::string& directory = {}, bool prefix = true) {
  EngineOptions options;
  options.threads = 1;
  options.cache.prefix = prefix;
  options.cache.prefix_directory = directory;
  return Engine::open(golden_path("llama2/model.gguf"), options).value();
}

Request of(size_t tokens, const std::string& tenant = {}) {
  std::vector<TokenId> prompt(tokens);
  for (size_t i = 0; i < tokens; ++i) prompt[i] = TokenId(3 + i * 5 % 90);
  Request request{.prompt = std::move(prompt), .sampling = {.temperature = 0}, .tokens_max = 4};
  request.tenant = tenant;
  return request;
}

uint32_t count(const KvMap& map, KvBlockUse use) {
  return uint32_t(std::count_if(map.blocks.begin(), map.blocks.end(),
                                [use](const KvBlock& block) { return block.use == use; }));
}

TEST(EngineMemory, ShowsItsBlocks) {
  Engine engine = open_engine();
  KvMap map = engine.kv_map().value();
  EXPECT_EQ(map.blocks.size(), engine.metrics().kv_blocks);
  EXPECT_EQ(count(map, KvBlockUse::kFree), map.blocks.size());
  ASSERT_TRUE(engine.generate(of(40, "a")).ok());
  map = engine.kv_map().value();
  EXPECT_GE(count(map, KvBlockUse::kCached), 2u);
  // What a call did not wait for, another one gets; both while a step may run.
  for (int i = 0; i < 100; ++i) {
    const Result<KvMap> soon = engine.kv_map(Millis(0));
    EXPECT_TRUE(soon.ok() || soon.status().code() == Code::kDeadline);
  }
  EXPECT_TRUE(engine.kv_map().ok());
  EXPECT_TRUE(engine.drain(Millis(10'000)).ok());
  EXPECT_TRUE(engine.kv_map().ok());  // a drained engine still has a memory
}

TEST(EngineMemory, PinsASystemPrompt) {
  std::optional<PinnedPrefix> outlives;
  {
    Engine engine = open_engine();
    PinnedPrefix pinned = engine.pin(of(40, "a")).value();
    EXPECT_EQ(pinned.tokens(), 32u);
    EXPECT_EQ(count(engine.kv_map().value(), KvBlockUse::kPinned), 2u);
    EXPECT_EQ(engine.generate(of(50, "a")).value().usage.cached_tokens, 40u);
    EXPECT_EQ(engine.generate(of(50, "b")).value().usage.cached_tokens, 0u);
    EXPECT_EQ(engine.pin(of(15)).status().code(), Code::kInvalid);  // not a whole block
    EXPECT_EQ(engine.pin({}).status().code(), Code::kInvalid);
    {
      const PinnedPrefix moved = std::move(pinned);
      EXPECT_EQ(moved.tokens(), 32u);
      EXPECT_EQ(pinned.tokens(), 0u);
    }
    EXPECT_EQ(count(engine.kv_map().value(), KvBlockUse::kPinned), 0u);
    outlives = engine.pin(of(40, "a")).value();
  }
  EXPECT_EQ(outlives->tokens(), 32u);
  outlives.reset();  // the engine is gone: nothing to take back
  Engine uncached = open_engine({}, false);
  EXPECT_THAT(uncached.pin(of(40)).status().message(), HasSubstr("cache is off"));
}

TEST(EngineMemory, KeepsItsCacheInADirectory) {
  const TempDir dir;
  std::vector<TokenId> tokens;
  {
    Engine engine = open_engine(dir.path());
    const Reply reply = engine.generate(of(50)).value();
    EXPECT_EQ(reply.usage.cached_tokens, 0u);
    tokens = reply.tokens;
  }
  {
    Engine engine = open_engine(dir.path());
    const Reply reply = engine.generate(of(50)).value();
    EXPECT_EQ(reply.usage.cached_tokens, 48u);
    EXPECT_EQ(reply.tokens, tokens);
  }
  const Result<Engine> nowhere = Engine::open(
      golden_path("llama2/model.gguf"), {.threads = 1, .cache = {.prefix_directory = dir / "no"}});
  EXPECT_EQ(nowhere.status().code(), Code::kNotFound);
  EXPECT_THAT(nowhere.status().message(), HasSubstr("prefix_directory"));
}

}  // namespace
}  // namespace llmos::test
