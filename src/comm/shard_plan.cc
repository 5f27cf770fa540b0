// SPDX-License-Identifier: Apache-2.0
#include "comm/shard_plan.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "base/text.h"

namespace llmos {
namespace {

// `size` elements in units: rank r gets units [units r / ranks, units (r + 1) / ranks).
struct Division {
  uint64_t size, unit;
  uint64_t units() const { return (size + unit - 1) / unit; }
  ShardRange part(int rank, int ranks) const {
    const auto place = [&](int r) {
      return std::min(size, units() * uint64_t(r) / uint64_t(ranks) * unit);
    };
    return {place(rank), place(rank + 1) - place(rank)};
  }
};

// Between blocks; plain ones between kernels' units where there are enough.
Division division(uint64_t size, uint64_t block, int ranks) {
  const bool coarse = block < kShardUnit && size >= uint64_t{kShardUnit} * uint64_t(ranks);
  return {size, coarse ? std::lcm<uint64_t>(block, kShardUnit) : block};
}

class Planner {
 public:
  Planner(const ShardShape& shape, int ranks) : s(shape), ranks_(ranks), shards_(size_t(ranks)) {
    for (int r = 0; r < ranks; ++r) {
      shards_[size_t(r)].rank = r;
      shards_[size_t(r)].ranks = ranks;
    }
  }

  Result<std::vector<Shard>> plan() && {
    attention();
    divide("hidden elements of the feed-forward part", s.ffn_dim, s.ffn_block, &Shard::ffn);
    divide("words", s.vocabulary, 1, &Shard::vocabulary);
    experts();
    divide("hidden elements of the shared expert", s.shared_dim, s.shared_block, &Shard::shared);
    if (!status_.ok()) return status_;
    return std::move(shards_);
  }

 private:
  void fail(const Text& text) {
    if (status_.ok())
      status_ = Status(Code::kInvalid, (Text() << ranks_ << " ranks: " << text.str()).str());
  }

  bool fits(const Division& d) const { return d.units() >= uint64_t(ranks_); }

  void divide(std::string_view what, uint64_t size, uint64_t block, ShardRange Shard::*range) {
    if (size == 0) return;
    const Division d = division(size, block, ranks_);
    if (!fits(d)) {
      fail(Text() << size << ' ' << what << " in blocks of " << d.unit << " are too few");
      return;
    }
    for (Shard& shard : shards_) shard.*range = d.part(shard.rank, ranks_);
  }

  void attention() {
    const uint64_t group = s.heads / std::max(s.kv_heads, 1u);  // query heads of a key head
    if (s.kv_heads >= uint32_t(ranks_)) {
      by_key_heads(group);
    } else if (s.kv_heads > 0 && uint32_t(ranks_) % s.kv_heads == 0) {
      by_query_heads(group);
    } else {
      fail(Text() << s.kv_heads << " key heads can neither be divided among them nor held by "
                  << "the same number of ranks each");
    }
  }

  void by_key_heads(uint64_t group) {
    const uint64_t unit = s.output_block / std::gcd<uint64_t>(s.output_block, group * s.head_dim);
    const Division d{s.kv_heads, unit};
    if (!fits(d)) {
      fail(Text() << s.kv_heads << " key heads of " << group * s.head_dim << " elements in blocks "
                  << "of " << s.output_block << " are too few");
      return;
    }
    for (Shard& shard : shards_) {
      shard.kv_heads = d.part(shard.rank, ranks_);
      shard.heads = {shard.kv_heads.first * group, shard.kv_heads.count * group};
    }
  }

  void by_query_heads(uint64_t group) {
    const int replicas = ranks_ / int(s.kv_heads);
    const uint64_t unit = s.output_block / std::gcd<uint64_t>(s.output_block, s.head_dim);
    const Division d{group, unit};
    if (d.units() < uint64_t(replicas) || (s.kv_heads > 1 && group % unit != 0)) {
      fail(Text() << group << " query heads of each key head, of " << s.head_dim
                  << " elements in blocks of " << s.output_block << ", are too few");
      return;
    }
    for (Shard& shard : shards_) {
      const uint64_t key_head = uint64_t(shard.rank / replicas);
      const ShardRange own = d.part(shard.rank % replicas, replicas);
      shard.kv_heads = {key_head, 1};
      shard.heads = {key_head * group + own.first, own.count};
      shard.first_replica = shard.rank % replicas == 0;
    }
  }

  void experts() {
    if (s.experts == 0) return;
    const Division width = division(s.expert_dim, s.expert_block, ranks_), whole{s.experts, 1};
    if (!fits(width) && !fits(whole)) {
      fail(Text() << s.experts << " experts of " << s.expert_dim << " hidden elements in blocks of "
                  << width.unit << " are too few");
      return;
    }
    for (Shard& shard : shards_) {
      shard.experts = {0, s.experts};
      shard.expert_dim = {0, s.expert_dim};
      if (fits(width)) {
        shard.expert_dim = width.part(shard.rank, ranks_);
      } else {
        shard.experts = whole.part(shard.rank, ranks_);
      }
    }
  }

  const ShardShape& s;
  const int ranks_;
  std::vector<Shard> shards_;
  Status status_;
};

// Which numbers up to `ranks` work: what a user who was refused wants to know.
std::string working(const ShardShape& shape, int ranks) {
  Text text;
  for (int n = 1; n < ranks; ++n) {
    if (Planner(shape, n).plan().ok()) text << (n == 1 ? "" : ", ") << n;
  }
  return std::move(text).str();
}

}  // namespace

Result<std::vector<Shard>> plan_shards(const ShardShape& shape, int ranks) {
  if (ranks < 1 || ranks > kShardRanksMax) {
    return Status(
        Code::kInvalid,
        (Text() << "ranks: expected 1 to " << kShardRanksMax << ", found " << ranks).str());
  }
  Result<std::vector<Shard>> shards = Planner(shape, ranks).plan();
  if (shards.ok() || ranks == 1) return shards;
  return Status(Code::kInvalid,
                shards.status().message() + "; this model can have " + working(shape, ranks));
}

}  // namespace llmos
