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

}  // namespace
}  // namespace llmos::sched
