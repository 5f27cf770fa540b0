// SPDX-License-Identifier: Apache-2.0
#include "model/exchange.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "comm/thread_comm.h"

namespace llmos::exchange::test {
namespace {

using kernels::Launch;

// As the members of a team call it.
template <class Params>
void by_team(void (*operation)(const Params&, const Launch&), const Params& params, int size) {
  for (int rank = 0; rank < size; ++rank) operation(params, Launch{.rank = rank, .size = size});
}

TEST(Exchange, RowsOfOthersWordsBecomeZero) {
  for (const int size : {1, 3}) {
    std::vector<float> x(8, 1);
    const std::vector<int32_t> ids{3, 4, 5, 6};
    by_team(keep_own_rows,
            {.x = x.data(), .ids = ids.data(), .tokens = 4, .columns = 2, .first = 4, .count = 2},
            size);
    EXPECT_EQ(x, (std::vector<float>{0, 0, 1, 1, 1, 1, 0, 0}));
  }
}

TEST(Exchange, OthersExpertsWeighNothing) {
  for (const int size : {1, 2}) {
    std::vector<int32_t> experts{0, 2, 3, 4};
    std::vector<float> weights{1, 2, 3, 4};
    by_team(
        keep_own_experts,
        {.experts = experts.data(), .weights = weights.data(), .slots = 4, .first = 2, .count = 2},
        size);
    EXPECT_EQ(experts, (std::vector<int32_t>{0, 0, 1, 0}));
    EXPECT_EQ(weights, (std::vector<float>{0, 2, 3, 0}));
  }
}

TEST(Exchange, ClearsEveryElement) {
  for (const int size : {1, 2, 3}) {
    std::vector<float> data(7, 1);
    by_team(clear, {.data = data.data(), .count = 7}, size);
    EXPECT_EQ(data, std::vector<float>(7, 0));
  }
}

TEST(Exchange, ANormOverDividedRowsIsTheNormOfTheWhole) {
  const std::vector<float> whole{1, -2, 3, 4, 0.5f, 6}, weight{2, 1, 3, 1, 5, 1};
  std::vector<float> left{1, -2, 3, 4}, right{0.5f, 6};
  float squares[3];
  square_sums({.squares = squares, .x = left.data(), .rows = 1, .columns = 4}, {});
  square_sums({.squares = squares + 1, .x = right.data(), .rows = 1, .columns = 2}, {});
  square_sums({.squares = squares + 2, .x = right.data(), .rows = 1, .columns = 2, .counts = false},
              {});
  EXPECT_EQ(squares[2], 0);
  const float total = squares[0] + squares[1];
  const auto norm = [&](std::vector<float>& x, size_t first) {
    norm_whole({.x = x.data(),
                .squares = &total,
                .weight = weight.data() + first,
                .rows = 1,
                .columns = int64_t(x.size()),
                .whole_columns = 6,
                .epsilon = 1e-5f},
               {});
  };
  norm(left, 0);
  norm(right, 4);
  double sum = 0;
  for (const float value : whole) sum += double(value) * double(value);
  const double rms = std::sqrt(sum / 6 + 1e-5);
  for (size_t i = 0; i < 6; ++i)
    EXPECT_NEAR(i < 4 ? left[i] : right[i - 4], whole[i] * weight[i] / rms, 1e-5);
}

TEST(Exchange, WordsOfAllRanksStandInTheirOrder) {
  auto ranks = make_thread_ranks({.ranks = 2}).value();
  const uint32_t borders[] = {0, 1, 3};
  std::vector<float> logits[2];
  std::vector<std::thread> threads;
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      Link link{ranks[size_t(r)].get(), {}};
      std::vector<float> own =
          r == 0 ? std::vector<float>{1, 4, 0, 0} : std::vector<float>{2, 3, 5, 6};
      std::vector<float> gathered(8);
      logits[r].resize(6);
      gather_words({.link = &link,
                    .own = own.data(),
                    .gathered = gathered.data(),
                    .logits = logits[r].data(),
                    .borders = borders,
                    .rows = 2,
                    .words_max = 2},
                   {});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(logits[0], (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(logits[1], logits[0]);
}

TEST(Exchange, AfterAFailureNothingMoreIsExchanged) {
  auto ranks = make_thread_ranks({.ranks = 2, .timeout = std::chrono::milliseconds(10)}).value();
  Link link{ranks[0].get(), Status(Code::kDeadline, "before")};
  float data[2] = {1, 2};
  reduce({.link = &link, .data = data, .count = 2}, {});
  EXPECT_EQ(link.failure.message(), "before");
  EXPECT_EQ(data[0], 1);
  link.failure = {};
  reduce({.link = &link, .data = data, .count = 2}, {.rank = 1, .size = 2});
  EXPECT_TRUE(link.failure.ok());  // only the first member meets the others
  reduce({.link = &link, .data = data, .count = 2}, {});
  EXPECT_EQ(link.failure.code(), Code::kDeadline);
}

}  // namespace
}  // namespace llmos::exchange::test
