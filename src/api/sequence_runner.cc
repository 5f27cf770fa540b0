// SPDX-License-Identifier: Apache-2.0
#include "api/sequence_runner.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace llmos {

SequenceRunner::SequenceRunner(Transformer& transformer, BlockPool& pool, uint32_t context)
    : transformer_(transformer), pool_(pool), table_(pool, int64_t(context)) {}

Status SequenceRunner::check(std::span<const TokenId> ids) const {
  if (ids.size() > context() - tokens()) {
    return {Code::kInvalid, (Text() << "expected at most " << context() << " tokens (the context), "
                                    << "found " << tokens() + ids.size())
                                .str()};
  }
  const uint32_t vocabulary = transformer_.config().vocabulary;
  for (const TokenId id : ids) {
    if (id >= 0 && uint32_t(id) < vocabulary) continue;
    return {Code::kInvalid,
            (Text() << "token id: expected 0 to " << vocabulary - 1 << ", found " << id).str()};
  }
  return {};
}

// Tokens without logits go in large steps; where logits are wanted, a step has as many tokens as
// the workspace has rows for them.
Status SequenceRunner::feed(std::span<const TokenId> ids, size_t first, Take take) {
  if (Status status = check(ids); !status.ok()) return status;
  const BatchLimits& limits = transformer_.limits();
  size_t index = 0;
  while (index < ids.size()) {
    const size_t most =
        index < first ? std::min<size_t>(first - index, limits.tokens) : size_t{limits.logit_rows};
    const size_t count = std::min(ids.size() - index, most);
    const Status status = step(ids.subspan(index, count), index, index >= first, take);
    if (!status.ok()) return status;
    index += count;
  }
  return {};
}

Status SequenceRunner::step(std::span<const TokenId> ids, size_t index, bool wanted, Take take) {
  const int64_t position = table_.tokens();
  if (!table_.append(int64_t(ids.size()))) {
    return {Code::kExhausted, "no memory for keys and values"};
  }
  const kernels::AttentionSpan span{.first = 0,
                                    .tokens = int64_t(ids.size()),
                                    .position = position,
                                    .blocks = table_.blocks().data()};
  const uint32_t context = uint32_t(this->context());
  rows_.clear();
  for (size_t i = 0; wanted && i < ids.size(); ++i) rows_.push_back(int32_t(i));
  const auto logits = transformer_.forward(
      {.ids = ids, .spans = {&span, 1}, .contexts = {&context, 1}, .logit_rows = rows_}, pool_);
  if (!logits.ok()) return logits.status();
  const size_t vocabulary = transformer_.config().vocabulary;
  for (size_t i = 0; i < rows_.size(); ++i) {
    take(index + i, logits->subspan(i * vocabulary, vocabulary));
  }
  return {};
}

}  // namespace llmos
