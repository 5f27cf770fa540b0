// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/os_file.h"
#include "engine/core.h"
#include "engine/core_bench.h"
#include "engine/fake_executor.h"
#include "support/temp_dir.h"

namespace llmos::engine {
namespace {

using test::FakeExecutor;
using test::read_all;

constexpr uint32_t kBlocks = 40;

// A core over a fake model with blocks of four tokens.
struct Parts {
  FakeExecutor executor{97};
  std::unique_ptr<ComputeDevice> device = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool = FakeExecutor::make_pool(*device, kBlocks, 4);
};

CoreOptions cached() {
  CoreOptions options;
  options.prefix = true;
  return options;
}

Request of(const std::string& tenant, uint32_t tokens = 2) {
  Request request{.sampling = {.temperature = 0}, .tokens_max = tokens};
  request.tenant = tenant;
  return request;
}

std::vector<TokenId> prompt_of(TokenId first, size_t tokens) {
  std::vector<TokenId> prompt(tokens);
  for (size_t i = 0; i < tokens; ++i) prompt[i] = TokenId((size_t(first) + i * 7) % 97);
  return prompt;
}

uint32_t count(const KvMap& map, KvBlockUse use, uint32_t tenant = 0) {
  uint32_t blocks = 0;
  for (const KvBlock& block : map.blocks) {
    blocks += block.use == use && (use == KvBlockUse::kFree || block.tenant == tenant);
  }
  return blocks;
}

std::shared_ptr<StreamState> pin(test::CoreBench& bench, const std::vector<TokenId>& prompt,
                                 const std::string& tenant, int64_t leaves = 0) {
  auto work = bench.work(prompt, of(tenant, 1));
  work->pooling = Pooling::kLast;
  work->pin = true;
  work->pin_leaves = leaves;
  auto stream = bench.post(std::move(work));
  bench.run();
  return stream;
}

TEST(CoreMemory, TheMapTellsWhoseEachBlockIs) {
  Parts parts;
  test::CoreBench bench(cached(), parts.executor, parts.pool);
  EXPECT_EQ(count(bench.core().kv_map(), KvBlockUse::kFree), kBlocks);
  // Ten tokens are two whole blocks and the part of one; what they leave behind is cached.
  static_cast<void>(bench.submit(prompt_of(1, 10), of("a")));
  bench.run();
  KvMap map = bench.core().kv_map();
  EXPECT_EQ(map.block_tokens, 4u);
  EXPECT_EQ(count(map, KvBlockUse::kCached), 3u);
  EXPECT_EQ(count(map, KvBlockUse::kFree), kBlocks - 3);
  // Two that begin alike share the whole blocks, a stranger does not.
  auto one = bench.submit(prompt_of(1, 10), of("a", 20));
  auto two = bench.submit(prompt_of(1, 10), of("a", 20));
  auto other = bench.submit(prompt_of(1, 10), of("b", 20));
  for (int i = 0; i < 4; ++i) bench.core().turn();
  map = bench.core().kv_map();
  // The ends of two sequences may lie in one block, which then is shared as well.
  EXPECT_GE(count(map, KvBlockUse::kShared), 2u);
  EXPECT_GE(count(map, KvBlockUse::kSequence, 1), 2u);
  EXPECT_LE(count(map, KvBlockUse::kShared, 1), 1u);
  EXPECT_EQ(count(map, KvBlockUse::kFree), parts.pool.free_count());
  bench.run();
}

TEST(CoreMemory, ErrandsRunBetweenSteps) {
  Parts parts;
  int runs = 0;
  {
    test::CoreBench bench(cached(), parts.executor, parts.pool);
    EXPECT_TRUE(bench.mailbox().errands().post([&](Core&) { ++runs; }));
    EXPECT_EQ(runs, 0);
    bench.core().turn();
    EXPECT_EQ(runs, 1);
    bench.core().turn();
    EXPECT_EQ(runs, 1);
  }
}

TEST(CoreMemory, WhatIsPinnedIsNotEvicted) {
  Parts parts;
  test::CoreBench bench(cached(), parts.executor, parts.pool);
  const std::vector<TokenId> system = prompt_of(1, 18);
  const auto pinned = pin(bench, system, "a");
  ASSERT_TRUE(pinned->outcome().status.ok()) << pinned->outcome().status.to_string();
  EXPECT_EQ(pinned->outcome().usage.pinned_tokens, 16u);
  EXPECT_EQ(count(bench.core().kv_map(), KvBlockUse::kPinned), 4u);
  EXPECT_EQ(bench.meters.snapshot().kv_blocks_pinned, 4u);
  // Enough others to evict everything many times over.
  const auto crowd = [&] {
    for (TokenId i = 2; i < 30; ++i) static_cast<void>(bench.submit(prompt_of(i, 20), of("a", 9)));
    bench.run();
  };
  crowd();
  std::vector<TokenId> asked = system;
  asked.push_back(3);
  const auto hit = bench.submit(asked, of("a"));
  bench.run();
  EXPECT_GE(hit->outcome().usage.cached_tokens, 16u);
  const auto stranger = bench.submit(asked, of("b"));
  bench.run();
  EXPECT_EQ(stranger->outcome().usage.cached_tokens, 0u);
  bench.core().unpin(pinned->id());
  bench.core().unpin(pinned->id());  // nothing
  crowd();
  const auto miss = bench.submit(asked, of("a"));
  bench.run();
  EXPECT_EQ(miss->outcome().usage.cached_tokens, 0u);
  EXPECT_EQ(count(bench.core().kv_map(), KvBlockUse::kPinned), 0u);
}

// All that is pinned leaves room for the longest request, which still runs.
TEST(CoreMemory, PinsLeaveRoomForTheLongest) {
  Parts parts;
  test::CoreBench bench(cached(), parts.executor, parts.pool);
  for (TokenId i = 1; i <= 2; ++i) {
    EXPECT_TRUE(pin(bench, prompt_of(i, 40), "a", 20)->outcome().status.ok());
  }
  EXPECT_EQ(pin(bench, prompt_of(3, 4), "a", 20)->outcome().status.code(), Code::kExhausted);
  EXPECT_EQ(pin(bench, prompt_of(3, 3), "a", 20)->outcome().status.code(), Code::kInvalid);
  const auto longest = bench.submit(prompt_of(9, 50), of("a", 30), 64);
  bench.run();
  EXPECT_EQ(read_all(*longest).size(), 30u);
  for (TokenId i = 4; i < 8; ++i) static_cast<void>(bench.submit(prompt_of(i, 5), of("a", 9)));
  for (int i = 0; i < 3; ++i) bench.core().turn();
  parts.executor.fail_steps = 1000;  // the device is opened again, and has lost everything
  bench.run();
  EXPECT_EQ(parts.executor.reopened, 1);
  EXPECT_EQ(count(bench.core().kv_map(), KvBlockUse::kPinned), 0u);
}

TEST(CoreMemory, TheCacheComesBackFromItsFile) {
  const test::TempDir dir;
  Parts parts;
  CoreOptions options = cached();
  options.prefix_file = dir / "cache.prefixes";
  options.digest[0] = std::byte{1};
  std::vector<TokenId> expected;
  const auto cached_tokens = [&] {
    test::CoreBench bench(options, parts.executor, parts.pool);
    const auto stream = bench.submit(prompt_of(1, 18), of("a"));
    bench.run();
    const std::vector<TokenId> tokens = read_all(*stream);
    if (expected.empty()) expected = tokens;
    EXPECT_EQ(tokens, expected);
    return stream->outcome().usage.cached_tokens;
  };
  EXPECT_EQ(cached_tokens(), 0u);
  EXPECT_EQ(cached_tokens(), 16u);
  options.digest[0] = std::byte{2};  // another model: its file is not used, and replaced
  EXPECT_EQ(cached_tokens(), 0u);
  EXPECT_EQ(cached_tokens(), 16u);
  // A damaged one is not used either, from the damage on.
  std::string bytes = os::read_file(options.prefix_file, 1 << 20).value();
  for (const size_t at : {size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] ^ 1);
    ASSERT_TRUE(os::write_file_atomic(options.prefix_file, damaged).ok());
    EXPECT_LT(cached_tokens(), at < bytes.size() - 1 ? 16u : 17u) << at;
    EXPECT_EQ(cached_tokens(), 16u) << at;
  }
}

}  // namespace
}  // namespace llmos::engine
