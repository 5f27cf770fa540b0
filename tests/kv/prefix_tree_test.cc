// SPDX-License-Identifier: Apache-2.0
#include "kv/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "blocks.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

using Tokens = std::vector<TokenId>;
constexpr PrefixTreeOptions kLru{.eviction = Eviction::kLru, .secret = 1};

Tokens counting(TokenId first, size_t count) {
  Tokens tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = first + TokenId(i);
  return tokens;
}

// A request as the engine runs it: what is known is lent, the rest computed and added.
PrefixLease run(PrefixTree& tree, DomainId domain, const Tokens& tokens, BlockTable& table) {
  PrefixLease lease = tree.lend(domain, tokens, table);
  EXPECT_TRUE(table.append(int64_t(tokens.size()) - table.tokens()));
  tree.pool().run_copies();
  const auto block = size_t(tree.block_tokens());
  for (auto i = size_t(lease.blocks()); i < tokens.size() / block; ++i) {
    if (tree.add(lease, std::span(tokens).subspan(i * block, block), table.block(int64_t(i))) < 0) {
      break;
    }
  }
  return lease;
}

int64_t found(PrefixTree& tree, DomainId domain, const Tokens& tokens) {
  return tree.match(domain, tokens).tokens;
}

TEST(PrefixTree, FindsTheLongestBeginningToTheToken) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const Tokens tokens = counting(0, 10);
  {
    BlockTable table(blocks.pool, 100);
    const PrefixLease lease = run(tree, domain, tokens, table);
    EXPECT_EQ(lease.blocks(), 2);
  }
  EXPECT_EQ(tree.node_count(), 2u);
  EXPECT_EQ(found(tree, domain, tokens), 8) << "the rest of 2 was in no full block";
  Tokens other = tokens;
  other[6] = -5;
  EXPECT_EQ(found(tree, domain, other), 6) << "the second block's beginning";
  other[0] = -5;
  EXPECT_EQ(found(tree, domain, other), 0);
  EXPECT_EQ(found(tree, domain, {}), 0);
  tree.check_integrity();
}

TEST(PrefixTree, LendsBlocksAndCopiesPartsOfThem) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  BlockTable first(blocks.pool, 100);
  const PrefixLease lease = run(tree, domain, counting(0, 12), first);
  Tokens other = counting(0, 12);
  other[6] = -1;
  BlockTable second(blocks.pool, 100);
  const PrefixLease lent = tree.lend(domain, other, second);
  EXPECT_EQ(second.tokens(), 6);
  EXPECT_EQ(second.block(0), first.block(0));
  ASSERT_EQ(blocks.pool.copies().size(), 1u);
  EXPECT_EQ(blocks.pool.copies()[0].from, first.blocks()[1]);
  EXPECT_EQ(blocks.pool.copies()[0].to, second.blocks()[1]);
  EXPECT_EQ(blocks.pool.copies()[0].tokens, 2);
  blocks.pool.run_copies();
  EXPECT_EQ(tree.stats().tokens_found, 6u);
}

TEST(PrefixTree, LeavesATokenToCompute) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const Tokens tokens = counting(0, 8);
  {
    BlockTable table(blocks.pool, 100);
    run(tree, domain, tokens, table);
  }
  BlockTable table(blocks.pool, 100);
  const PrefixLease lease = tree.lend(domain, tokens, table);
  EXPECT_EQ(table.tokens(), 7);
  BlockTable empty(blocks.pool, 100);
  EXPECT_TRUE(tree.lend(domain, {}, empty).valid());
  EXPECT_EQ(empty.tokens(), 0);
  blocks.pool.run_copies();
}

TEST(PrefixTree, DomainsShareNothing) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, {.domains_max = 2, .secret = 1});
  const DomainId a = tree.domain("a").value(), b = tree.domain("b").value();
  EXPECT_EQ(tree.domain("a").value(), a);
  EXPECT_EQ(tree.domain("c").status().code(), Code::kExhausted);
  BlockTable table(blocks.pool, 100);
  PrefixLease lease = run(tree, a, counting(0, 8), table);
  EXPECT_EQ(found(tree, a, counting(0, 8)), 8);
  EXPECT_EQ(found(tree, b, counting(0, 8)), 0);
  EXPECT_FALSE(tree.drop_domain(a)) << "leased";
  lease = {};
  EXPECT_TRUE(tree.drop_domain(a));
  EXPECT_EQ(tree.node_count(), 0u);
  EXPECT_EQ(found(tree, tree.domain("c").value(), counting(0, 8)), 0) << "the id is used again";
  tree.check_integrity();
}

TEST(PrefixTree, ADoubleIsFoundAndNotKept) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const Tokens tokens = counting(0, 4);
  BlockTable one(blocks.pool, 100), two(blocks.pool, 100);
  ASSERT_TRUE(one.append(4));
  ASSERT_TRUE(two.append(4));
  PrefixLease first = tree.begin(domain), second = tree.begin(domain);
  EXPECT_EQ(tree.add(first, tokens, one.block(0)), one.block(0));
  EXPECT_EQ(tree.add(second, tokens, two.block(0)), one.block(0));
  two.replace(0, one.block(0));
  EXPECT_EQ(blocks.pool.reference_count(one.block(0)), 3u);
  EXPECT_EQ(tree.node_count(), 1u);
}

TEST(PrefixTree, KeepsTailsUntilTheyAreCovered) {
  test::Blocks blocks(20);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const auto keep = [&](size_t count) {
    BlockTable table(blocks.pool, 100);
    const Tokens tokens = counting(0, count);
    const PrefixLease lease = run(tree, domain, tokens, table);
    const bool kept = tree.keep_tail(lease, std::span(tokens).subspan(count / 4 * 4), table);
    EXPECT_EQ(table.tokens(), kept ? int64_t(count / 4 * 4) : int64_t(count));
    return kept;
  };
  EXPECT_TRUE(keep(6));
  EXPECT_EQ(found(tree, domain, counting(0, 9)), 6);
  EXPECT_FALSE(keep(5)) << "covered by the longer one";
  EXPECT_TRUE(keep(7));
  EXPECT_EQ(tree.node_count(), 2u) << "the shorter one went";
  EXPECT_FALSE(keep(8)) << "nothing is left over";
  EXPECT_EQ(tree.node_count(), 2u) << "and it covers the tail";
  EXPECT_EQ(found(tree, domain, counting(0, 9)), 8);
  tree.check_integrity();
  blocks.pool.check_integrity();
}

TEST(PrefixTree, EvictsTheLeastRecentlyUsedLeafFirst) {
  test::Blocks blocks(6);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const auto use = [&](TokenId first, size_t count) {
    BlockTable table(blocks.pool, 100);
    run(tree, domain, counting(first, count), table);
  };
  use(0, 8);
  use(100, 8);
  use(0, 8);
  EXPECT_EQ(tree.evict(1), 1u);
  EXPECT_EQ(found(tree, domain, counting(100, 8)), 4) << "the older sequence's last block";
  EXPECT_EQ(tree.evict(2), 2u);
  EXPECT_EQ(found(tree, domain, counting(0, 8)), 4);
  EXPECT_EQ(tree.evict(9), 1u);
  EXPECT_EQ(blocks.pool.free_count(), 6u);
}

TEST(PrefixTree, LeasedAndPinnedBlocksStay) {
  test::Blocks blocks(6);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  const Tokens tokens = counting(0, 8);
  BlockTable table(blocks.pool, 100);
  PrefixLease lease = run(tree, domain, tokens, table);
  EXPECT_EQ(tree.evictable_count(), 0u);
  EXPECT_EQ(tree.evict(1), 0u);
  EXPECT_EQ(tree.pin(domain, tokens), 2);
  lease = {};
  EXPECT_EQ(tree.evict(1), 0u);
  tree.unpin(domain, tokens, 2);
  EXPECT_EQ(tree.evictable_count(), 2u);
  EXPECT_EQ(tree.evict(1), 0u) << "the table still holds them";
  EXPECT_EQ(tree.node_count(), 0u);
}

TEST(PrefixTree, AHundredThousandBlocksInARow) {
  BlockPool pool(test::Blocks::layout(4), 100'000);
  PrefixTree tree(pool, {.secret = 3});
  const DomainId domain = tree.domain("a").value();
  const Tokens tokens = counting(0, 400'000);
  {
    BlockTable table(pool, 400'000);
    PrefixLease lease = run(tree, domain, tokens, table);
    EXPECT_EQ(lease.blocks(), 100'000);
  }
  EXPECT_EQ(found(tree, domain, tokens), 400'000);
  tree.check_integrity();
  EXPECT_EQ(tree.evict(100'000), 100'000u);
  pool.check_integrity();
}

// Siblings in the worst order for a plain search tree.
TEST(PrefixTree, ManySortedSiblingsAreFoundQuickly) {
  BlockPool pool(test::Blocks::layout(4), 50'000);
  PrefixTree tree(pool, kLru);
  const DomainId domain = tree.domain("a").value();
  for (TokenId i = 0; i < 50'000; ++i) {
    BlockTable table(pool, 4);
    run(tree, domain, {7, 7, 7, i}, table);
  }
  EXPECT_EQ(tree.node_count(), 50'000u);
  for (TokenId i = 0; i < 50'000; ++i) ASSERT_EQ(found(tree, domain, {7, 7, 7, i}), 4);
  tree.clear();
  EXPECT_EQ(pool.free_count(), 50'000u);
}

class OldestOfTheLastGroup final : public EvictionPolicy {
 public:
  uint32_t group(const CachedBlock& block) override { return block.depth % kGroupsMax; }
  size_t choose(std::span<const CachedBlock> candidates) override {
    chosen.push_back(candidates.back().group);
    return candidates.size() - 1;
  }
  void wanted(const CachedBlock& block, bool cached) override {
    ++(cached ? hits : late);
    uses_max = std::max(uses_max, block.uses);
  }
  std::vector<uint32_t> chosen;
  int hits = 0, late = 0;
  uint32_t uses_max = 0;
};

TEST(PrefixTree, AHostsPolicyChooses) {
  OldestOfTheLastGroup policy;
  test::Blocks blocks(6);
  PrefixTree tree(blocks.pool, {.policy = &policy, .secret = 1});
  const DomainId domain = tree.domain("a").value();
  const auto use = [&] {
    BlockTable table(blocks.pool, 100);
    run(tree, domain, counting(0, 12), table);
    blocks.pool.run_copies();
  };
  use();
  use();  // the last block is found as a part: one token is left to compute
  EXPECT_EQ(policy.hits, 3);
  EXPECT_EQ(tree.evict(2), 2u);
  EXPECT_EQ(policy.chosen, (std::vector<uint32_t>{2, 1}));
  use();
  EXPECT_EQ(policy.hits, 4);
  EXPECT_EQ(policy.late, 2) << "what went is remembered";
  EXPECT_EQ(policy.uses_max, 1u);
}

// Random requests against a map from sequences to nothing more than themselves: what is found must
// be a beginning that was added and not evicted; without eviction the longest one.
TEST(PrefixTree, AgreesWithANaiveModel) {
  Rng rng(test::seed("prefix tree"));
  for (int round = 0; round < 30; ++round) {
    const bool roomy = rng.bernoulli(0.5);
    test::Blocks blocks(roomy ? 4000 : int(rng.between(4, 60)), 4, rng.bernoulli(0.5) ? 1 : 0);
    PrefixTree tree(blocks.pool, {.eviction = Eviction(rng.below(3)), .secret = rng.u64() | 1});
    std::vector<Tokens> known;
    struct Running {
      Tokens tokens;
      BlockTable table;
      PrefixLease lease;
    };
    std::vector<Running> running;
    const DomainId domain = tree.domain("a").value();
    for (int i = 0; i < 150; ++i) {
      Tokens tokens;
      if (!known.empty() && rng.bernoulli(0.7)) {
        tokens = known[rng.below(known.size())];
        tokens.resize(rng.below(tokens.size() + 1));
      }
      for (int64_t left = rng.between(1, 14); left > 0; --left) {
        tokens.push_back(TokenId(rng.below(3)));
      }
      int64_t best = 0;
      for (const Tokens& other : known) {
        const auto end = std::mismatch(tokens.begin(), tokens.end(), other.begin(), other.end());
        best = std::max(best, end.first - tokens.begin());
      }
      const int64_t got = found(tree, domain, tokens);
      ASSERT_LE(got, best);
      if (roomy) {
        ASSERT_EQ(got, best);
      }
      Running now{tokens, BlockTable(blocks.pool, 200), PrefixLease()};
      now.lease = tree.lend(domain, tokens, now.table);
      ASSERT_EQ(now.table.tokens() <= int64_t(tokens.size()) - 1, true);
      const int64_t rest = int64_t(tokens.size()) - now.table.tokens();
      if (!now.table.append(rest)) {
        tree.evict(uint32_t(now.table.blocks_needed(rest)));
        if (!now.table.append(rest)) continue;
      }
      blocks.pool.run_copies();
      size_t added = size_t(now.lease.blocks());
      for (; added < tokens.size() / 4; ++added) {
        const auto part = std::span(tokens).subspan(added * 4, 4);
        const BlockId block = tree.add(now.lease, part, now.table.block(int64_t(added)));
        if (block < 0) break;
        now.table.replace(int64_t(added), block);
      }
      Tokens whole(tokens.begin(), tokens.begin() + int64_t(added * 4));
      if (rng.bernoulli(0.5) && added == tokens.size() / 4 &&
          tree.keep_tail(now.lease, std::span(tokens).subspan(added * 4), now.table)) {
        whole = tokens;
      }
      known.push_back(whole);
      if (rng.bernoulli(0.3)) running.push_back(std::move(now));
      if (!running.empty() && rng.bernoulli(0.3)) {
        running.erase(running.begin() + int64_t(rng.below(running.size())));
      }
      tree.check_integrity();
      blocks.pool.check_integrity();
    }
    running.clear();
    tree.check_integrity();
    tree.clear();
    ASSERT_EQ(blocks.pool.free_count(), blocks.pool.capacity());
  }
}

TEST(PrefixTree, MisuseIsCaught) {
  const test::ThrowingFatal fatal;
  test::Blocks blocks(6);
  PrefixTree tree(blocks.pool, kLru);
  const DomainId domain = tree.domain("a").value();
  BlockTable table(blocks.pool, 100);
  ASSERT_TRUE(table.append(4));
  const Tokens tokens = counting(0, 4);
  EXPECT_THROW(tree.lend(domain, tokens, table), test::FatalError);
  EXPECT_THROW(tree.match(domain + 1, tokens), test::FatalError);
  EXPECT_THROW(tree.unpin(domain, tokens, 1), test::FatalError);
  PrefixLease lease = tree.begin(domain);
  EXPECT_THROW(tree.add(lease, std::span(tokens).first(3), table.block(0)), test::FatalError);
}

}  // namespace
}  // namespace llmos
