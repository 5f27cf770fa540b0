// SPDX-License-Identifier: Apache-2.0
#include "device/compute_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"
#include "sync/counting_new.h"

namespace llmos {
namespace {

// cells[to] = cells[from] * 3 + add, each member its own part of `width` cells.
struct MixParams {
  uint64_t* cells;
  int width;
  int from;
  int to;
  uint64_t add;
};

void mix(const MixParams& p, const kernels::Launch& launch) {
  for (int i = 0; i < p.width; ++i) {
    // Reads what another member wrote before: only a barrier makes that right.
    const int mirrored = p.width - 1 - i;
    if (i % launch.size != launch.rank) continue;
    p.cells[p.to * p.width + i] = p.cells[p.from * p.width + mirrored] * 3 + p.add;
  }
}

struct CountParams {
  std::atomic<int>* calls;
  std::atomic<int>* seen;  // bit r: rank r was there
};

void count(const CountParams& p, const kernels::Launch& launch) {
  p.calls->fetch_add(1);
  p.seen->fetch_or(1 << launch.rank);
}

TEST(ComputeStream, RunsWhatWasLaunchedOnEveryMember) {
  for (const int members : {1, 2, 3}) {
    const auto pool = WorkerPool::create({.members = members}).value();
    ComputeStream stream(pool.get());
    EXPECT_EQ(stream.team_size(), members);
    std::atomic<int> calls{0}, seen{0};
    stream.launch(count, {&calls, &seen});
    stream.launch_beside(count, {&calls, &seen});
    EXPECT_EQ(stream.pending(), 2u);
    EXPECT_EQ(calls, 0);
    stream.finish();
    EXPECT_EQ(stream.pending(), 0u);
    EXPECT_EQ(calls, 2 * members);
    EXPECT_EQ(seen, (1 << members) - 1);
    stream.finish();
    EXPECT_EQ(calls, 2 * members);
  }
}

TEST(ComputeStream, WithoutAPoolTheCallerIsTheTeam) {
  ComputeStream stream;
  EXPECT_EQ(stream.team_size(), 1);
  std::atomic<int> calls{0}, seen{0};
  stream.launch(count, {&calls, &seen});
  stream.finish();
  EXPECT_EQ(calls, 1);
}

TEST(ComputeStream, ParametersAreCopied) {
  ComputeStream stream;
  std::atomic<int> calls{0}, others{0}, seen{0};
  CountParams params{&calls, &seen};
  stream.launch(count, params);
  params.calls = &others;
  stream.finish();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(others, 0);
}

// Random programs of dependent launches, against the same program run one by one.
TEST(ComputeStream, DependentLaunchesSeeEachOthersResults) {
  Rng rng(test::seed("stream programs"));
  constexpr int kRows = 4, kWidth = 37;
  for (const int members : {1, 2, 4}) {
    const auto pool = WorkerPool::create({.members = members}).value();
    // Small, so that programs outgrow it and are run in parts.
    ComputeStream stream(pool.get(), 7);
    for (int program = 0; program < 200; ++program) {
      std::vector<uint64_t> cells(kRows * kWidth), expected;
      for (uint64_t& cell : cells) cell = rng.u64();
      expected = cells;
      for (int i = 0; i < int(rng.below(20)); ++i) {
        const int from = int(rng.below(kRows));
        const int to = int((from + 1 + int(rng.below(kRows - 1))) % kRows);
        MixParams params{cells.data(), kWidth, from, to, rng.u64()};
        stream.launch(mix, params);
        params.cells = expected.data();
        mix(params, {});
      }
      stream.finish();
      ASSERT_EQ(cells, expected) << members << " members, program " << program;
    }
  }
}

TEST(ComputeStream, AStepAllocatesNothing) {
  const auto pool = WorkerPool::create({.members = 2}).value();
  ComputeStream stream(pool.get());
  std::vector<uint64_t> cells(4 * 16);
  const auto step = [&] {
    for (int i = 0; i < 100; ++i) stream.launch(mix, {cells.data(), 16, i % 4, (i + 1) % 4, 1});
    stream.finish();
  };
  step();
  const size_t before = test::allocations();
  for (int i = 0; i < 50; ++i) step();
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace llmos
