// SPDX-License-Identifier: Apache-2.0
#include "sched/waiting_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

std::vector<SequenceIndex> order_of(const WaitingLine& line, const std::vector<Sequence>& records) {
  std::vector<SequenceIndex> order;
  for (SequenceIndex i = line.front(); i != kNoSequence; i = line.after(records, i)) {
    order.push_back(i);
  }
  return order;
}

TEST(WaitingLine, LevelsFirstThenArrival) {
  std::vector<Sequence> records(4);
  const uint32_t levels[] = {5, 0, 5, 63};
  WaitingLine line;
  EXPECT_TRUE(line.empty());
  for (SequenceIndex i = 0; i < 4; ++i) {
    records[i].view.id = i;
    records[i].view.rank.level = levels[i];
  }
  for (const SequenceIndex i : {3u, 2u, 0u, 1u}) line.insert(records, i, false);
  EXPECT_EQ(order_of(line, records), (std::vector<SequenceIndex>{1, 0, 2, 3}));
  EXPECT_EQ(line.depth(5), 2u);
  line.remove(records, 1);
  line.remove(records, 0);
  EXPECT_EQ(order_of(line, records), (std::vector<SequenceIndex>{2, 3}));
}

// Against a sorted vector: any order of insertions and removals, with keys.
TEST(WaitingLine, KeyedOrderIsThatOfASort) {
  Rng rng(test::seed("waiting line"));
  std::vector<Sequence> records(200);
  WaitingLine line;
  std::vector<SequenceIndex> in;
  for (int step = 0; step < 5000; ++step) {
    const auto index = SequenceIndex(rng.below(records.size()));
    const auto found = std::find(in.begin(), in.end(), index);
    if (found != in.end()) {
      line.remove(records, index);
      in.erase(found);
    } else {
      SequenceView& view = records[index].view;
      view.id = index;
      view.rank.level = uint32_t(rng.below(3));
      view.rank.key = double(rng.below(8));
      line.insert(records, index, true);
      in.push_back(index);
    }
    std::sort(in.begin(), in.end(), [&](SequenceIndex a, SequenceIndex b) {
      const auto key = [&](SequenceIndex i) {
        const SequenceView& v = records[i].view;
        return std::tuple(v.rank.level, v.rank.key, v.id);
      };
      return key(a) < key(b);
    });
    ASSERT_EQ(order_of(line, records), in) << "step " << step;
  }
}

// Equal prefixes stand together; nobody is overtaken by one that came more than 16 arrivals later.
TEST(WaitingLine, SharedPrefixesStandTogetherAndOvertakeFew) {
  std::vector<Sequence> records(60);
  WaitingLine line;
  for (SequenceIndex i = 0; i < 60; ++i) {
    records[i].view.id = i;
    records[i].prefix_group = i == 1 ? 0 : i % 2 == 0 ? 7 : 9;
    line.insert(records, i, false);
  }
  const std::vector<SequenceIndex> order = order_of(line, records);
  ASSERT_EQ(order.size(), 60u);
  EXPECT_EQ(std::vector<SequenceIndex>(order.begin(), order.begin() + 4),
            (std::vector<SequenceIndex>{0, 2, 4, 6}));
  std::vector<size_t> at(60);
  for (size_t i = 0; i < order.size(); ++i) at[order[i]] = i;
  size_t together = 0;
  for (SequenceIndex i = 0; i < 60; ++i) {
    for (SequenceIndex later = i + 17; later < 60; ++later) EXPECT_LT(at[i], at[later]);
    together += i > 0 && records[order[i]].prefix_group == records[order[i - 1]].prefix_group;
  }
  EXPECT_GT(together, 40u);  // in order of arrival: none
}

}  // namespace
}  // namespace llmos::sched
