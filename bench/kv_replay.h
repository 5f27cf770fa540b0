// SPDX-License-Identifier: Apache-2.0
// Replays a trace of block hashes (the Mooncake format) through the prefix tree.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kv/eviction.h"
#include "llmos/status.h"
#include "llmos/types.h"

namespace llmos::bench {

struct TracedRequest {
  std::vector<TokenId> ids;  // of its blocks, by hash
  uint64_t output_tokens = 0;
};
using Requests = std::vector<TracedRequest>;

// One JSON object a line with "hash_ids": [0, 1, ...] and, if known, "output_length": n.
Result<Requests> read_mooncake_trace(const std::string& path);

struct ReplayResult {
  double hit_share = 0;     // of all blocks
  double ns_per_block = 0;  // lookup, adding, eviction
};
// With a cache of `blocks`; what is found is the beginning of a request that is in the cache.
ReplayResult replay(const Requests& requests, uint32_t blocks, Eviction eviction);
// The same by a plain list and map: a request uses its blocks from the last to the first.
double replay_exact_lru(const Requests& requests, uint32_t blocks);

}  // namespace llmos::bench
