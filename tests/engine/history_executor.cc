// SPDX-License-Identifier: Apache-2.0
#include "engine/history_executor.h"

namespace llmos::test {
namespace {

uint64_t take(uint64_t history, TokenId id) {
  return (history ^ (uint64_t(id) + 1)) * 0x9E3779B97F4A7C15 + (history >> 29);
}

TokenId next(uint64_t history, uint32_t vocabulary) {
  return TokenId((history >> 32) % vocabulary);
}

}  // namespace

HistoryExecutor::HistoryExecutor(int64_t vocabulary, BatchLimits limits)
    : limits_(limits), logits_(size_t(vocabulary) * limits.logit_rows) {
  config_.vocabulary = uint32_t(vocabulary);
  config_.dim = 1;
  hidden_.reserve(limits.logit_rows);
  predicted_.reserve(limits.tokens);
}

Result<std::span<const float>> HistoryExecutor::run(const Batch& batch, const BlockPool& cache) {
  if (fail_steps > 0) {
    --fail_steps;
    return Status(Code::kInternal, "failed by a test");
  }
  tokens += batch.ids.size();
  const int64_t size = cache.layout().shape().block_tokens;
  const kernels::KvLayer layer = cache.layer(0);
  const auto keys = [&](const kernels::AttentionSpan& span, int64_t block) {
    auto* const bytes = const_cast<std::byte*>(static_cast<const std::byte*>(layer.keys) +
                                               size_t(span.blocks[block]) * layer.block_bytes);
    return reinterpret_cast<float*>(bytes);
  };
  predicted_.assign(batch.ids.size(), 0);
  for (const kernels::AttentionSpan& span : batch.spans) {
    uint64_t history = 0;
    for (int64_t i = 0; i < span.position; ++i) {
      history = take(history, TokenId(keys(span, i / size)[i % size]));
    }
    for (int64_t i = 0; i < span.tokens; ++i) {
      const TokenId id = batch.ids[size_t(span.first + i)];
      const int64_t position = span.position + i;
      keys(span, position / size)[position % size] = float(id);
      history = take(history, id);
      predicted_[size_t(span.first + i)] = next(history, config_.vocabulary);
    }
  }
  const auto vocabulary = size_t(config_.vocabulary);
  std::fill(logits_.begin(), logits_.end(), 0.0f);
  hidden_.resize(batch.logit_rows.size());
  for (size_t row = 0; row < batch.logit_rows.size(); ++row) {
    const TokenId id = predicted_[size_t(batch.logit_rows[row])];
    logits_[row * vocabulary + size_t(id)] = 1;
    if (id == nan_at) logits_[row * vocabulary] = __builtin_nanf("");
    hidden_[row] = float(id);
  }
  return std::span<const float>(logits_).first(batch.logit_rows.size() * vocabulary);
}

Status HistoryExecutor::reopen() {
  fail_steps = 0;
  return {};
}

std::vector<TokenId> HistoryExecutor::answer(std::vector<TokenId> text, uint32_t count) const {
  uint64_t history = 0;
  for (const TokenId id : text) history = take(history, id);
  std::vector<TokenId> answer;
  for (uint32_t i = 0; i < count; ++i) {
    answer.push_back(next(history, config_.vocabulary));
    history = take(history, answer.back());
  }
  return answer;
}

}  // namespace llmos::test
