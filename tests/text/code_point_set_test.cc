// SPDX-License-Identifier: Apache-2.0
#include "text/code_point_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

size_t size_of(const CodePointSet& set) {
  size_t total = 0;
  for (const CodePointSet::Range& range : set.ranges()) total += range.last - range.first + 1;
  return total;
}

TEST(CodePointSet, NamesAreCategoriesAndScripts) {
  EXPECT_EQ(size_of(*CodePointSet::named("Lu")), 1858u);
  EXPECT_EQ(CodePointSet::named("Uppercase_Letter"), CodePointSet::named("lu"));
  EXPECT_EQ(size_of(*CodePointSet::named("Han")), 99030u);
  EXPECT_EQ(size_of(*CodePointSet::named("hiragana")), 381u);
  EXPECT_EQ(size_of(*CodePointSet::named("Any")), 0x110000u);
  EXPECT_EQ(CodePointSet::named("Klingon"), std::nullopt);
  EXPECT_EQ(CodePointSet::named(""), std::nullopt);
}

// Counted in HF tokenizers (make_unicode.py --check).
TEST(CodePointSet, WordIsThatOfOniguruma) { EXPECT_EQ(size_of(CodePointSet::word()), 144671u); }

TEST(CodePointSet, CaseVariantsAreThoseOfSimpleFolding) {
  CodePointSet set = CodePointSet::of('s', 's');
  set.add_case_variants();
  EXPECT_EQ(size_of(set), 3u);
  EXPECT_TRUE(set.contains('S'));
  EXPECT_TRUE(set.contains(0x17F));
  EXPECT_EQ(size_of(CodePointSet::of('1', '1').add_case_variants()), 1u);
}

// Against a plain array of flags, over the first 4096 code points and the last.
class SetModel {
 public:
  static constexpr char32_t kEnd = 4096;
  std::vector<bool> flags = std::vector<bool>(kEnd + 1);  // the last stands for all above

  static SetModel of(const CodePointSet& set) {
    SetModel model;
    for (char32_t c = 0; c < kEnd; ++c) model.flags[c] = set.contains(c);
    model.flags[kEnd] = set.contains(unicode::kCodePointMax);
    return model;
  }
};

CodePointSet random_set(Rng* rng) {
  CodePointSet set;
  for (uint64_t left = rng->below(6); left > 0; --left) {
    const auto first = char32_t(rng->below(SetModel::kEnd));
    const auto last = first + char32_t(rng->below(SetModel::kEnd - first));
    set.add(CodePointSet::of(first, last));
  }
  return set;
}

TEST(CodePointSet, AlgebraEqualsThatOfFlags) {
  Rng rng(test::seed("set algebra"));
  for (int round = 0; round < 200; ++round) {
    const CodePointSet a = random_set(&rng), b = random_set(&rng);
    CodePointSet sum = a, common = a, outside = a;
    sum.add(b);
    common.intersect(b);
    outside.invert();
    const SetModel of_a = SetModel::of(a), of_b = SetModel::of(b);
    const SetModel of_sum = SetModel::of(sum), of_common = SetModel::of(common);
    const SetModel of_outside = SetModel::of(outside);
    for (size_t c = 0; c <= SetModel::kEnd; ++c) {
      ASSERT_EQ(of_sum.flags[c], of_a.flags[c] || of_b.flags[c]);
      ASSERT_EQ(of_common.flags[c], of_a.flags[c] && of_b.flags[c]);
      ASSERT_EQ(of_outside.flags[c], !of_a.flags[c]);
    }
  }
}

TEST(CodePointTable, HoldsItsSet) {
  for (const char* name : {"L", "N", "Han", "S", "Any", "Zl", "Cn"}) {
    const CodePointSet set = *CodePointSet::named(name);
    const CodePointTable table(set);
    size_t range = 0;
    for (char32_t c = 0; c <= unicode::kCodePointMax; ++c) {
      while (range < set.ranges().size() && set.ranges()[range].last < c) ++range;
      const bool inside = range < set.ranges().size() && set.ranges()[range].first <= c;
      ASSERT_EQ(table.contains(c), inside) << name << ' ' << uint32_t(c);
    }
  }
  EXPECT_FALSE(CodePointTable(CodePointSet()).contains('a'));
}

}  // namespace
}  // namespace llmos
