// SPDX-License-Identifier: Apache-2.0
#include "comm/thread_comm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <numeric>
#include <thread>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using Ranks = std::vector<std::unique_ptr<Communicator>>;

Ranks make(int ranks, std::chrono::milliseconds timeout = 30s) {
  return make_thread_ranks({.ranks = ranks, .timeout = timeout}).value();
}

// Runs `body` on a thread for each rank.
void on_all(Ranks& ranks, const std::function<void(Communicator&)>& body) {
  std::vector<std::thread> threads;
  for (auto& rank : ranks) threads.emplace_back([&] { body(*rank); });
  for (std::thread& thread : threads) thread.join();
}

std::vector<float> values(uint64_t seed, int rank, size_t count) {
  Rng rng(seed + uint64_t(rank));
  std::vector<float> result(count);
  for (float& value : result) value = float(rng.below(2'000'001)) / 1e6f - 1;
  return result;
}

// Oracle: the sum in the order of ranks, in floats. Sizes below, at and above a slot.
TEST(ThreadComm, AllReduceIsTheSumInOrderOfRanksToTheBit) {
  const uint64_t base = seed("all reduce");
  for (const int size : {1, 2, 3, 4, 7}) {
    Ranks ranks = make(size);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{2048}, size_t{16384}, size_t{50001}}) {
      std::vector<float> expected = values(base, 0, count);
      for (int r = 1; r < size; ++r) {
        const std::vector<float> next = values(base, r, count);
        for (size_t i = 0; i < count; ++i) expected[i] += next[i];
      }
      on_all(ranks, [&](Communicator& comm) {
        std::vector<float> data = values(base, comm.rank(), count);
        EXPECT_TRUE(comm.all_reduce(data).ok());
        EXPECT_TRUE(data == expected) << "rank " << comm.rank() << " of " << size;
      });
    }
  }
}

TEST(ThreadComm, AllGatherHasEveryRanksPart) {
  for (const int size : {1, 2, 4}) {
    Ranks ranks = make(size);
    for (const size_t bytes : {size_t{1}, size_t{1000}, size_t{150'000}}) {
      on_all(ranks, [&](Communicator& comm) {
        const std::vector<std::byte> own(bytes, std::byte(comm.rank() + 1));
        std::vector<std::byte> all(bytes * size_t(size));
        ASSERT_TRUE(comm.all_gather(own, all).ok());
        for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], std::byte(i / bytes + 1));
      });
    }
  }
}

TEST(ThreadComm, BroadcastBringsTheRootsBytes) {
  Ranks ranks = make(3);
  for (int root = 0; root < 3; ++root) {
    on_all(ranks, [&](Communicator& comm) {
      std::vector<std::byte> data(200'000, std::byte(comm.rank()));
      ASSERT_TRUE(comm.broadcast(data, root).ok());
      for (const std::byte byte : data) ASSERT_EQ(byte, std::byte(root));
    });
  }
}

// Ranks that come at random moments, many times: nobody reads a slot too early or too late.
TEST(ThreadComm, ManyCollectivesOfAllKindsInARow) {
  const uint64_t base = seed("many collectives");
  for (const int size : {2, 4}) {
    Ranks ranks = make(size);
    on_all(ranks, [&](Communicator& comm) {
      Rng shared(base), own(base + 1 + uint64_t(comm.rank()));
      for (int i = 0; i < 400; ++i) {
        const uint64_t kind = shared.below(4);
        const size_t count = 1 + shared.below(300);
        const int root = int(shared.below(uint64_t(size)));
        if (own.below(200) == 0) std::this_thread::sleep_for(100us);
        std::vector<float> data(count, float(comm.rank() + i));
        if (kind == 0) {
          ASSERT_TRUE(comm.all_reduce(data).ok());
          ASSERT_EQ(data.back(), float(size * i + size * (size - 1) / 2));
        } else if (kind == 1) {
          ASSERT_TRUE(comm.broadcast(std::as_writable_bytes(std::span(data)), root).ok());
          ASSERT_EQ(data.back(), float(root + i));
        } else if (kind == 2) {
          std::vector<float> all(count * size_t(size));
          ASSERT_TRUE(comm.all_gather(std::as_bytes(std::span<const float>(data)),
                                      std::as_writable_bytes(std::span(all)))
                          .ok());
          ASSERT_EQ(all[count], float(1 + i));
        } else {
          ASSERT_TRUE(comm.barrier().ok());
        }
      }
    });
  }
}

TEST(ThreadComm, AMissingRankIsNamedWithinTheTimeout) {
  Ranks ranks = make(3, 50ms);
  const auto start = std::chrono::steady_clock::now();
  std::vector<float> a(8), b(8);
  std::thread other([&] {
    const Status status = ranks[1]->all_reduce(b);
    EXPECT_EQ(status.code(), Code::kDeadline);
  });
  const Status status = ranks[0]->all_reduce(a);
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_EQ(status.code(), Code::kDeadline);
  EXPECT_THAT(status.message(), HasSubstr("rank 2 did not come within 50 ms"));
  EXPECT_THAT(status.message(), HasSubstr("all_reduce of 32 bytes"));
  // The group has ended, for the one that was missing too.
  EXPECT_EQ(ranks[2]->barrier().message(), status.message());
  EXPECT_EQ(ranks[0]->barrier().message(), status.message());
}

TEST(ThreadComm, ARankThatLeavesEndsTheOthers) {
  Ranks ranks = make(2);
  std::thread leaver([&] {
    std::this_thread::sleep_for(10ms);
    ranks[1].reset();
  });
  std::byte word{};
  const Status status = ranks[0]->broadcast({&word, 1}, 1, Patience::kIdle);
  leaver.join();
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_THAT(status.message(), HasSubstr("rank 1 has left"));
}

TEST(ThreadComm, AbortEndsWhatOthersWaitForWithItsReason) {
  Ranks ranks = make(2);
  std::thread other([&] {
    std::this_thread::sleep_for(10ms);
    ranks[1]->abort(Status(Code::kExhausted, "rank 1: no memory"));
  });
  EXPECT_EQ(ranks[0]->barrier().message(), "rank 1: no memory");
  other.join();
  EXPECT_EQ(ranks[1]->barrier().code(), Code::kExhausted);
}

TEST(ThreadComm, DifferentCallsAreAnErrorNotAMix) {
  Ranks ranks = make(2);
  std::thread other([&] { EXPECT_EQ(ranks[1]->barrier().code(), Code::kInvalid); });
  std::vector<float> data(4);
  const Status status = ranks[0]->all_reduce(data);
  other.join();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_THAT(status.message(), HasSubstr("all_reduce of 16"));
}

TEST(ThreadComm, DifferentSizesAndRootsAreErrors) {
  Ranks ranks = make(2);
  on_all(ranks, [](Communicator& comm) {
    std::vector<float> data(size_t(comm.rank()) + 1);
    EXPECT_EQ(comm.all_reduce(data).code(), Code::kInvalid);
  });
  ranks = make(2);
  on_all(ranks, [](Communicator& comm) {
    std::byte byte{};
    EXPECT_EQ(comm.broadcast({&byte, 1}, comm.rank()).code(), Code::kInvalid);
  });
}

TEST(ThreadComm, WhoIsIdleWaitsLongerThanTheTimeout) {
  Ranks ranks = make(2, 20ms);
  on_all(ranks, [](Communicator& comm) {
    std::byte byte{std::byte(comm.rank())};
    if (comm.rank() == 0) std::this_thread::sleep_for(80ms);
    EXPECT_TRUE(comm.broadcast({&byte, 1}, 0, Patience::kIdle).ok());
    EXPECT_EQ(byte, std::byte{0});
  });
}

TEST(ThreadComm, RefusesOptionsAndSizesThatAreWrong) {
  EXPECT_EQ(make_thread_ranks({.ranks = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(make_thread_ranks({.ranks = kThreadRanksMax + 1}).status().code(), Code::kInvalid);
  EXPECT_EQ(make_thread_ranks({.timeout = 0ms}).status().code(), Code::kInvalid);
  Ranks ranks = make(1);
  std::byte bytes[3];
  EXPECT_EQ(ranks[0]->all_gather(std::span(bytes, 2), bytes).code(), Code::kInvalid);
  EXPECT_EQ(ranks[0]->broadcast(bytes, 1).code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos::test
