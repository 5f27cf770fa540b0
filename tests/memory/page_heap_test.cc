// SPDX-License-Identifier: Apache-2.0
#include "memory/page_heap.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/test_seed.h"

namespace llmos::memory {
namespace {

constexpr Clock kNoClock{[](const void*) { return 1u; }, nullptr};

struct Heap {
  explicit Heap(uint64_t bytes_max)
      : backing(make_mmap_backing(HugePages::kNone)),
        budget(bytes_max),
        heap(*backing, budget, bytes_max, kNoClock) {}
  std::unique_ptr<Backing> backing;
  Budget budget;
  PageHeap heap;
};

TEST(PageHeap, JoinsWhatComesBack) {
  Heap fixture(64u << 20);
  PageHeap& heap = fixture.heap;
  Span* first = heap.allocate(100, 1, detail::kClassLarge, false);
  Span* second = heap.allocate(100, 1, detail::kClassLarge, false);
  Span* third = heap.allocate(100, 1, detail::kClassLarge, false);
  ASSERT_TRUE(first && second && third);
  const uint32_t at = first->first_page;
  heap.free(first);
  heap.free(third);
  heap.check_integrity();
  heap.free(second);
  heap.check_integrity();
  Span* all = heap.allocate(300, 1, detail::kClassLarge, false);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(all->first_page, at);
}

TEST(PageHeap, AFragmentedRangeStillServesALongRun) {
  Heap fixture(16u << 20);
  PageHeap& heap = fixture.heap;
  std::vector<Span*> spans;
  while (Span* span = heap.allocate(8, 1, detail::kClassLarge, false)) spans.push_back(span);
  ASSERT_GT(spans.size(), 100u);
  for (size_t i = 0; i < spans.size(); i += 2) heap.free(spans[i]);
  // Half the budget is free in pieces of 8 pages; 256 in one run must still be possible.
  Span* run = heap.allocate(256, 1, detail::kClassLarge, false);
  EXPECT_NE(run, nullptr);
  heap.check_integrity();
  EXPECT_LE(fixture.budget.peak(), 16u << 20);
}

TEST(PageHeap, RandomUseKeepsItsInvariants) {
  Heap fixture(256u << 20);
  PageHeap& heap = fixture.heap;
  std::mt19937_64 random(test::seed("page heap"));
  std::vector<Span*> live;
  for (int i = 0; i < 40'000; ++i) {
    if (live.size() < 300 && random() % 2 == 0) {
      const uint32_t align = random() % 4 == 0 ? 1u << random() % 8 : 1;
      const auto pages = uint32_t(1 + random() % (random() % 10 == 0 ? 600 : 20));
      Span* span =
          heap.allocate(pages, align, random() % 2 ? detail::kClassLarge : 5, random() % 2 == 0);
      if (!span) continue;
      ASSERT_EQ(span->page_count, pages);
      ASSERT_EQ(span->first_page % align, 0u);
      ASSERT_EQ(heap.span_of(heap.address_of(*span) + (pages - 1) * kPageBytes), span);
      live.push_back(span);
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      heap.free(live.back());
      live.pop_back();
    }
    if (random() % 200 == 0) heap.return_step(random() % (8u << 20), UINT32_MAX);
    if (random() % 400 == 0) heap.commit_ahead(random() % (4u << 20));
    if (random() % 2000 == 0) heap.return_all();
    if (random() % 500 == 0) heap.check_integrity();
    ASSERT_LE(fixture.budget.used(), 256u << 20);
  }
  for (Span* span : live) heap.free(span);
  heap.return_all();
  heap.check_integrity();
  EXPECT_EQ(heap.totals().free_pages + heap.totals().used_pages, 0u);
}

}  // namespace
}  // namespace llmos::memory
