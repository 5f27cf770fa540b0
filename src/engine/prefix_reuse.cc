// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_reuse.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace llmos::engine {

bool needs_whole_prompt(const LiveSequence& sequence) {
  const Work& work = *sequence.request->work;
  if (sequence.choice != 0) return false;
  return work.request.prompt_logprobs || (work.pooling && *work.pooling != Pooling::kLast);
}

PrefixReuse::PrefixReuse(BlockPool& pool, bool enabled)
    : pool_(pool),
      tree_(enabled ? std::make_unique<PrefixTree>(pool, PrefixTreeOptions{}) : nullptr) {}

int64_t PrefixReuse::lend(LiveSequence& sequence) {
  if (!tree_ || sequence.lease.valid()) return 0;
  const Result<DomainId> domain = tree_->domain(sequence.request->work->request.tenant);
  if (!domain.ok()) return 0;  // more tenants than the cache takes: this one goes without
  sequence.lease = needs_whole_prompt(sequence)
                       ? tree_->begin(*domain)
                       : tree_->lend(*domain, sequence.tokens, sequence.table);
  return sequence.table.tokens();
}

int64_t PrefixReuse::known_blocks(const LiveSequence& sequence) const {
  const Result<DomainId> domain = tree_->domain(sequence.request->work->request.tenant);
  if (!domain.ok()) return std::numeric_limits<int64_t>::max();  // it never finds any
  return tree_->match(*domain, std::span(sequence.tokens).first(sequence.tokens.size() - 1)).blocks;
}

void PrefixReuse::room(int64_t blocks) {
  const auto free = int64_t(pool_.free_count());
  if (tree_ && free < blocks) tree_->evict(uint32_t(blocks - free));
}

void PrefixReuse::keep(LiveSequence& sequence, int64_t computed) {
  if (!sequence.lease.valid()) return;
  const int64_t size = tree_->block_tokens();
  for (int64_t i = sequence.lease.blocks(); (i + 1) * size <= computed; ++i) {
    const BlockId own = sequence.table.block(i);
    const BlockId kept = tree_->add(
        sequence.lease, std::span(sequence.tokens).subspan(size_t(i * size), size_t(size)), own);
    if (kept < 0) return give_up(sequence);  // no room for more nodes: go on without
    if (kept != own && sequence.in_flight == 0) sequence.table.replace(i, kept);
  }
}

void PrefixReuse::finish(LiveSequence& sequence) {
  if (!sequence.lease.valid()) return;
  sequence.lease.set_answer_tokens(sequence.answer_tokens());
  const auto held = size_t(sequence.table.tokens());
  const auto whole = size_t(sequence.table.full_blocks() * tree_->block_tokens());
  // With a step in flight the table has a token more than was drawn.
  if (sequence.in_flight == 0 && held <= sequence.tokens.size()) {
    tree_->keep_tail(sequence.lease, std::span(sequence.tokens).subspan(whole, held - whole),
                     sequence.table);
  }
  give_up(sequence);
}

void PrefixReuse::disown(LiveSequence& sequence) {
  if (sequence.lease.valid()) tree_->disown(std::move(sequence.lease));
}

void PrefixReuse::clear() {
  unpin_all();
  if (tree_) tree_->clear();
}

Result<int64_t> PrefixReuse::pin(uint64_t id, const std::string& tenant,
                                 std::span<const TokenId> tokens, int64_t blocks_max) {
  if (!tree_) return Status(Code::kInvalid, "pin: the prefix cache is off");
  const Result<DomainId> domain = tree_->domain(tenant);
  if (!domain.ok()) return domain.status();
  const int64_t blocks = tree_->match(*domain, tokens).blocks;
  if (blocks == 0) {
    return Status(Code::kInvalid,
                  (Text() << "pin: expected a whole block of " << tree_->block_tokens()
                          << " tokens at least, found " << tokens.size() << " tokens")
                      .str());
  }
  if (pinned_ + blocks > blocks_max) {
    return Status(Code::kExhausted,
                  (Text() << "pin: expected at most " << std::max<int64_t>(blocks_max, 0)
                          << " pinned blocks, so that the longest request still fits, found "
                          << pinned_ + blocks << "; give the cache more bytes")
                      .str());
  }
  tree_->pin(*domain, tokens);
  const auto whole = size_t(blocks * tree_->block_tokens());
  pins_[id] = {*domain, {tokens.begin(), tokens.begin() + ptrdiff_t(whole)}, blocks};
  pinned_ += blocks;
  return blocks;
}

void PrefixReuse::release(const Pin& pin) {
  tree_->unpin(pin.domain, pin.tokens, pin.blocks);
  pinned_ -= pin.blocks;
}

void PrefixReuse::unpin(uint64_t id) {
  const auto found = pins_.find(id);
  if (found == pins_.end()) return;
  release(found->second);
  pins_.erase(found);
}

void PrefixReuse::unpin_all() {
  for (const auto& [id, pin] : pins_) release(pin);
  pins_.clear();
}

Result<PrefixesLoaded> PrefixReuse::load(const ModelDigest& digest, const std::string& path) {
  return load_prefixes(*tree_, digest, path);
}

Status PrefixReuse::save(const ModelDigest& digest, const std::string& path) {
  unpin_all();
  return save_prefixes(*tree_, digest, path);
}

}  // namespace llmos::engine
