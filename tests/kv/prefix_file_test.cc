// SPDX-License-Identifier: Apache-2.0
#include "kv/prefix_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/os_file.h"
#include "base/rng.h"
#include "blocks.h"
#include "prefix_source.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using Tokens = std::vector<TokenId>;

struct Cache {
  test::Blocks blocks;
  PrefixTree tree;
  explicit Cache(int capacity, int64_t block_tokens = 4)
      : blocks(capacity, block_tokens), tree(blocks.pool, {.domains_max = 8, .secret = 1}) {}

  // A sequence whose blocks are filled with bytes of their tokens.
  void use(const std::string& name, const Tokens& tokens) {
    const DomainId domain = tree.domain(name).value();
    BlockTable table(blocks.pool, 1000);
    PrefixLease lease = tree.lend(domain, tokens, table);
    ASSERT_TRUE(table.append(int64_t(tokens.size()) - table.tokens()));
    blocks.pool.run_copies();
    const auto count = size_t(tree.block_tokens());
    for (auto i = size_t(lease.blocks()); i < tokens.size() / count; ++i) {
      const auto bytes = blocks.pool.bytes(table.block(int64_t(i)));
      std::fill(bytes.begin(), bytes.end(), content(tokens, i));
      tree.add(lease, std::span(tokens).subspan(i * count, count), table.block(int64_t(i)));
    }
  }
  // Tokens that are found with the right content.
  int64_t found(const std::string& name, const Tokens& tokens) {
    BlockTable table(blocks.pool, 1000);
    Tokens longer = tokens;
    longer.push_back(-1);
    const PrefixLease lease = tree.lend(tree.domain(name).value(), longer, table);
    for (int64_t i = 0; i < lease.blocks(); ++i) {
      for (const std::byte byte : blocks.pool.bytes(table.block(i))) {
        if (byte != content(tokens, size_t(i))) return -1;
      }
    }
    return lease.blocks() * tree.block_tokens();
  }
  static std::byte content(const Tokens& tokens, size_t block) {
    return std::byte(tokens[block * 4] * 7 + TokenId(block));
  }
};

class Directory {
 public:
  Directory()
      : path_(std::filesystem::temp_directory_path() /
              ("llmos_prefix_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string file() const { return (path_ / "prefixes").string(); }

 private:
  std::filesystem::path path_;
};

Tokens counting(TokenId first, size_t count) {
  Tokens tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = first + TokenId(i);
  return tokens;
}

constexpr ModelDigest kDigest{std::byte{1}};

TEST(PrefixFile, ARestartFindsWhatWasCached) {
  const Directory directory;
  Cache before(20);
  before.use("a", counting(0, 12));
  before.use("a", counting(50, 9));
  before.use("b", counting(0, 8));
  Tokens branch = counting(0, 12);
  branch[10] = -3;
  before.use("a", branch);
  ASSERT_TRUE(save_prefixes(before.tree, kDigest, directory.file()).ok());
  Cache after(20);
  const auto loaded = load_prefixes(after.tree, kDigest, directory.file());
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded->domains, 2u);
  EXPECT_EQ(loaded->blocks, before.tree.node_count());
  EXPECT_EQ(after.found("a", counting(0, 12)), 12);
  EXPECT_EQ(after.found("a", counting(50, 8)), 8);
  EXPECT_EQ(after.found("a", branch), 12);
  EXPECT_EQ(after.found("b", counting(0, 8)), 8);
  EXPECT_EQ(after.found("b", counting(50, 8)), 0);
  after.tree.check_integrity();
  EXPECT_EQ(after.tree.evictable_count(), after.tree.node_count());
  after.tree.clear();
  EXPECT_EQ(after.blocks.pool.free_count(), 20u);
}

TEST(PrefixFile, AnotherModelsFileIsNotUsed) {
  const Directory directory;
  Cache before(20);
  before.use("a", counting(0, 12));
  ASSERT_TRUE(save_prefixes(before.tree, kDigest, directory.file()).ok());
  Cache after(20);
  EXPECT_EQ(load_prefixes(after.tree, ModelDigest{}, directory.file()).status().code(),
            Code::kNotFound);
  Cache other(20, 8);
  EXPECT_EQ(load_prefixes(other.tree, kDigest, directory.file()).status().code(), Code::kNotFound);
  EXPECT_EQ(load_prefixes(after.tree, kDigest, directory.file() + "x").status().code(),
            Code::kNotFound);
}

TEST(PrefixFile, WhatDoesNotFitIsLeftOut) {
  const Directory directory;
  Cache before(20);
  before.use("a", counting(0, 20));
  ASSERT_TRUE(save_prefixes(before.tree, kDigest, directory.file()).ok());
  Cache after(3);
  const auto loaded = load_prefixes(after.tree, kDigest, directory.file());
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->blocks, 3u);
  EXPECT_EQ(loaded->blocks_left_out, 2u);
  EXPECT_EQ(after.found("a", counting(0, 20)), 12);
}

TEST(PrefixFile, SavingIntoNowhereIsAStatus) {
  Cache cache(4);
  EXPECT_FALSE(save_prefixes(cache.tree, kDigest, "/nonexistent/directory/file").ok());
}

// Every cut and every flipped byte of a small file, and random damage: a status or a sound tree,
// and never a block with another content.
TEST(PrefixFile, DamageIsNeverUsed) {
  Rng rng(test::seed("prefix file"));
  const Directory directory;
  Cache before(20);
  before.use("a", counting(0, 8));
  before.use("b", counting(9, 4));
  ASSERT_TRUE(save_prefixes(before.tree, kDigest, directory.file()).ok());
  const std::string whole = os::read_file(directory.file(), 1 << 20).value();
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    const bool cut = rng.bernoulli(0.3);
    if (cut) {
      bytes.resize(i);
    } else {
      bytes[i] = char(bytes[i] ^ char(1 << rng.below(8)));
    }
    Cache after(20);
    test::MemorySource source(std::as_bytes(std::span(bytes)));
    const auto loaded = load_prefixes(after.tree, kDigest, source);
    ASSERT_FALSE(loaded.ok()) << "byte " << i;
    ASSERT_GE(after.found("a", counting(0, 8)), 0) << "byte " << i;
    ASSERT_GE(after.found("b", counting(9, 4)), 0) << "byte " << i;
    after.tree.check_integrity();
    after.blocks.pool.check_integrity();
  }
}

// The fuzzer's corpus: a status or a sound tree, also with fewer blocks than the file has.
TEST(PrefixFile, TheCorpusLoadsOrIsRefused) {
  int files = 0;
  const std::string folder = std::string(LLMOS_SOURCE_DIR) + "/tests/kv/corpus/prefix_file";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string bytes = os::read_file(entry.path().string(), 1 << 20).value();
    for (const int capacity : {1, 8, 40}) {
      Cache cache(capacity);
      test::MemorySource source(std::as_bytes(std::span(bytes)));
      const bool forged = entry.path().filename() == "other_domains_parent";
      EXPECT_EQ(load_prefixes(cache.tree, ModelDigest{}, source).ok(), !forged) << entry.path();
      cache.tree.check_integrity();
      cache.blocks.pool.check_integrity();
    }
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace llmos
