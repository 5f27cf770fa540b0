// SPDX-License-Identifier: Apache-2.0
#include "engine/rank_leader.h"

#include <exception>
#include <string>

namespace llmos::engine {

// What one rank would refuse all would: it is refused before the others hear of it.
Result<std::span<const float>> RankLeader::run(const Batch& batch, const BlockPool& cache) {
  if (!failure_.ok()) return failure_;
  if (Status status = model_.check(batch, cache); !status.ok()) return status;
  failure_ = message_.send(*ranks_, batch, copies_, cache.layout().shape().block_tokens);
  copies_.clear();
  if (!failure_.ok()) return failure_;
  Result<std::span<const float>> logits = model_.forward(batch, cache);
  if (!logits.ok()) failure_ = logits.status();
  return logits;
}

Status RankLeader::reopen() {
  return {Code::kUnsupported, "the ranks of this engine cannot be started again; open another one"};
}

void RankLeader::copied(std::span<const BlockCopy> copies) {
  copies_.insert(copies_.end(), copies.begin(), copies.end());
}

void RankLeader::lead(Communicator& ranks) {
  ranks_ = &ranks;
  model_.rejoin(ranks);
  copies_.clear();
  failure_ = {};
}

Status RankLeader::stop() { return failure_.ok() ? message_.send_stop(*ranks_) : failure_; }

namespace {

Status follow_steps(Transformer& model, BlockPool& cache, Communicator& ranks,
                    const std::function<void()>& before_step) {
  RankMessage message;
  const int64_t block_tokens = cache.layout().shape().block_tokens;
  for (;;) {
    const Result<bool> more = message.receive(ranks, model.limits(), block_tokens);
    if (!more.ok()) return more.status();
    if (!*more) return {};
    if (before_step) before_step();
    for (const BlockCopy& copy : message.copies()) cache.copy(copy.from, copy.to, copy.tokens);
    cache.run_copies();
    const auto logits = model.forward(message.batch(), cache);
    if (!logits.ok()) return logits.status();
  }
}

}  // namespace

// A device library may throw: the others hear of it, and this rank's thread goes on.
Status follow(Transformer& model, BlockPool& cache, Communicator& ranks,
              const std::function<void()>& before_step) {
  Status status;
  try {
    status = follow_steps(model, cache, ranks, before_step);
  } catch (const std::exception& error) {
    status = Status(Code::kInternal, error.what());
  } catch (...) {
    status = Status(Code::kInternal, "an unknown exception");
  }
  if (!status.ok()) {
    const std::string rank = "rank " + std::to_string(ranks.rank()) + ": ";
    ranks.abort(Status(status.code(), rank + status.message()));
  }
  return status;
}

}  // namespace llmos::engine
