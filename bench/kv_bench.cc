// SPDX-License-Identifier: Apache-2.0
// Memory for sequences: blocks, the prefix tree, checksums.
//
//   kv_bench                                   # Google Benchmark rows
//   kv_bench --replay TRACE [--blocks N]       # hit shares of the eviction policies
//   kv_bench --waste [--azure FILE]            # share of held memory that holds no token
//   kv_bench --swap DIRECTORY [--mib N]        # the swapper against plain pwrite and pread
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kv/block_pool.h"
#include "kv/checksum.h"
#include "kv/prefix_tree.h"
#include "kv_replay.h"
#include "kv_swap_bench.h"
#include "kv_waste.h"

namespace llmos {
namespace {

BlockLayout layout() {
  return BlockLayout::create({.layers = 1, .kv_heads = 1, .head_dim = 64, .block_tokens = 16})
      .value();
}

void BM_Block_Lifo(benchmark::State& state) {
  BlockPool pool(layout(), 65'536);
  for (auto _ : state) {
    const BlockId block = *pool.acquire();
    benchmark::DoNotOptimize(block);
    pool.release(block);
  }
}
BENCHMARK(BM_Block_Lifo);

// 16,384 live blocks of 65,536; a random one is replaced.
void BM_Block_RandomLife(benchmark::State& state) {
  BlockPool pool(layout(), 65'536);
  std::vector<BlockId> live(16'384);
  for (BlockId& block : live) block = *pool.acquire();
  std::vector<uint16_t> picks(1 << 16);
  Rng rng(1);
  for (uint16_t& pick : picks) pick = uint16_t(rng.below(live.size()));
  size_t i = 0;
  for (auto _ : state) {
    BlockId& block = live[picks[i++ % picks.size()]];
    pool.release(block);
    block = *pool.acquire();
  }
}
BENCHMARK(BM_Block_RandomLife);

// Blocks that stay findable by their tokens until they are needed: sequences of 32 new blocks, each
// block taken from the oldest in the cache, added, and left there in the order of use.
void BM_Block_CachedLru(benchmark::State& state) {
  constexpr int64_t kBlocks = 32, kTokens = 16;
  BlockPool pool(layout(), 16'384);
  PrefixTree tree(pool, {.eviction = Eviction::kLru, .secret = 1});
  const DomainId domain = tree.domain("bench").value();
  std::vector<TokenId> tokens(kBlocks * kTokens + 1);
  TokenId next = 0;
  BlockTable table(pool, kBlocks * kTokens);
  for (auto _ : state) {
    for (TokenId& token : tokens) token = next++ & 0xFFFFFF;
    table.clear();
    PrefixLease lease = tree.lend(domain, tokens, table);
    if (pool.free_count() < kBlocks) tree.evict(kBlocks);
    if (!table.append(kBlocks * kTokens)) state.SkipWithError("no room");
    for (int64_t i = 0; i < kBlocks; ++i) {
      tree.add(lease, std::span(tokens).subspan(size_t(i * kTokens), kTokens), table.block(i));
    }
  }
  table.clear();
  state.counters["s_per_block"] =
      benchmark::Counter(double(state.iterations() * kBlocks),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Block_CachedLru);

// A lookup of 64 blocks in a tree of `sequences` such sequences, half of each shared by eight.
void BM_Prefix_Match(benchmark::State& state) {
  constexpr int64_t kBlocks = 64, kTokens = 16;
  const auto sequences = state.range(0);
  BlockPool pool(layout(), uint32_t(sequences * kBlocks));
  PrefixTree tree(pool, {.eviction = Eviction::kLru, .secret = 1});
  const DomainId domain = tree.domain("bench").value();
  const auto tokens_of = [&](int64_t sequence) {
    std::vector<TokenId> tokens(kBlocks * kTokens);
    for (int64_t i = 0; i < kBlocks * kTokens; ++i) {
      const int64_t group = i < kBlocks * kTokens / 2 ? sequence / 8 : sequence;
      tokens[size_t(i)] = TokenId(Rng::word_at(uint64_t(group), 7, uint64_t(i)) % 100'000);
    }
    return tokens;
  };
  for (int64_t s = 0; s < sequences; ++s) {
    const std::vector<TokenId> tokens = tokens_of(s);
    BlockTable table(pool, kBlocks * kTokens);
    PrefixLease lease = tree.lend(domain, tokens, table);
    if (!table.append(kBlocks * kTokens - table.tokens())) state.SkipWithError("no room");
    for (int64_t i = lease.blocks(); i < kBlocks; ++i) {
      tree.add(lease, std::span(tokens).subspan(size_t(i * kTokens), kTokens), table.block(i));
    }
    pool.run_copies();
  }
  std::vector<std::vector<TokenId>> queries;
  for (int64_t q = 0; q < 64; ++q) queries.push_back(tokens_of(q * 7919 % sequences));
  size_t q = 0;
  for (auto _ : state) {
    const PrefixTree::Match match = tree.match(domain, queries[q++ % queries.size()]);
    if (match.blocks != kBlocks) state.SkipWithError("not found");
  }
  state.counters["s_per_block"] =
      benchmark::Counter(double(state.iterations() * kBlocks),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Prefix_Match)->Arg(8)->Arg(256)->Arg(2048);

void BM_Checksum(benchmark::State& state) {
  const std::vector<std::byte> block(size_t(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(checksum64(block));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Checksum)->Arg(1 << 19);

int print_replay(const std::string& path, uint32_t blocks) {
  const auto requests = bench::read_mooncake_trace(path);
  if (!requests.ok()) {
    std::fprintf(stderr, "%s\n", requests.status().to_string().c_str());
    return 1;
  }
  std::vector<uint32_t> sizes = {1'000, 3'000, 10'000, 30'000};
  if (blocks > 0) sizes = {blocks};
  std::printf("%-8s %10s %10s %10s %10s   ns/block (lru, cost)\n", "blocks", "exact lru", "lru",
              "lfu", "cost");
  for (const uint32_t size : sizes) {
    const auto lru = bench::replay(*requests, size, Eviction::kLru);
    const auto cost = bench::replay(*requests, size, Eviction::kCost);
    std::printf("%-8u %10.4f %10.4f %10.4f %10.4f   %.0f, %.0f\n", size,
                bench::replay_exact_lru(*requests, size), lru.hit_share,
                bench::replay(*requests, size, Eviction::kLfu).hit_share, cost.hit_share,
                lru.ns_per_block, cost.ns_per_block);
  }
  return 0;
}

const char* option(int argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return i + 1 < argc ? argv[i + 1] : "";
  }
  return nullptr;
}

}  // namespace
}  // namespace llmos

int main(int argc, char** argv) {
  using llmos::option;
  if (const char* path = option(argc, argv, "--replay")) {
    const char* blocks = option(argc, argv, "--blocks");
    return llmos::print_replay(path, blocks ? uint32_t(std::atoi(blocks)) : 0);
  }
  if (option(argc, argv, "--waste")) {
    const char* azure = option(argc, argv, "--azure");
    return llmos::bench::print_waste(azure ? azure : "");
  }
  if (const char* directory = option(argc, argv, "--swap")) {
    const char* mib = option(argc, argv, "--mib");
    return llmos::bench::print_swap(directory, mib ? uint64_t(std::atoi(mib)) : 256);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
