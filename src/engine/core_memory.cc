// SPDX-License-Identifier: Apache-2.0
// Core: what its memory looks like, and which beginnings stay in it.
#include <algorithm>

#include "base/log.h"
#include "engine/core.h"

namespace llmos::engine {
namespace {

void mark_table(KvMap& map, const LiveSequence& sequence, const BlockPool& pool) {
  for (const BlockAddress address : sequence.table.blocks()) {
    KvBlock& block = map.blocks[size_t(pool.block_at(address))];
    block.use = block.use == KvBlockUse::kFree ? KvBlockUse::kSequence : KvBlockUse::kShared;
    block.tenant = sequence.request->tenant;
  }
}

}  // namespace

KvMap Core::kv_map() const {
  KvMap map{.blocks = std::vector<KvBlock>(pool_.capacity()),
            .block_tokens = uint32_t(block_tokens_),
            .block_bytes = pool_.layout().block_bytes()};
  for (const auto& [id, request] : requests_) {
    for (const auto& sequence : request->sequences) mark_table(map, *sequence, pool_);
  }
  for (const auto& request : retiring_) {
    for (const auto& sequence : request->sequences) mark_table(map, *sequence, pool_);
  }
  prefixes_.for_each_block([&](const std::string& tenant, BlockId block, bool pinned) {
    KvBlock& at = map.blocks[size_t(block)];
    if (at.use != KvBlockUse::kFree && !pinned) return;
    at.use = pinned ? KvBlockUse::kPinned : KvBlockUse::kCached;
    at.tenant = meters_.tenant_index(tenant);
  });
  for (size_t i = 0; i < map.blocks.size(); ++i) {  // what nobody named and is not free
    KvBlockUse& use = map.blocks[i].use;
    if (use == KvBlockUse::kFree && pool_.reference_count(BlockId(i)) > 0)
      use = KvBlockUse::kMoving;
  }
  return map;
}

// Its prompt is computed and in the cache, and the request is about to end.
Status Core::pin_prompt(const LiveSequence& sequence) {
  const Work& work = *sequence.request->work;
  const Result<int64_t> pinned = prefixes_.pin(work.id, work.request.tenant, work.prompt,
                                               int64_t{pool_.capacity()} - work.pin_leaves);
  if (!pinned.ok()) return pinned.status();
  sequence.request->usage.pinned_tokens = uint32_t(*pinned * block_tokens_);
  meters_.kv_blocks_pinned.set(uint64_t(prefixes_.pinned_blocks()));
  return {};
}

void Core::unpin(uint64_t request) {
  prefixes_.unpin(request);
  meters_.kv_blocks_pinned.set(uint64_t(prefixes_.pinned_blocks()));
}

void Core::load_cache() {
  if (options_.prefix_file.empty() || !prefixes_.tree()) return;
  const Result<PrefixesLoaded> loaded = prefixes_.load(options_.digest, options_.prefix_file);
  if (loaded.ok()) {
    LLMOS_LOG(kInfo) << "prefix cache: " << loaded->blocks << " blocks from "
                     << options_.prefix_file;
  } else if (loaded.status().code() != Code::kNotFound) {
    LLMOS_LOG(kWarn) << options_.prefix_file << ": " << loaded.status().message();
  }
}

void Core::save_cache() {
  if (options_.prefix_file.empty() || !prefixes_.tree()) return;
  pool_.run_copies();
  const Status status = prefixes_.save(options_.digest, options_.prefix_file);
  if (!status.ok()) {
    LLMOS_LOG(kWarn) << "the prefix cache was not saved: " << status.message();
  }
}

}  // namespace llmos::engine
