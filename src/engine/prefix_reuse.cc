// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_reuse.h"

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
  if (tree_) tree_->clear();
}

}  // namespace llmos::engine
