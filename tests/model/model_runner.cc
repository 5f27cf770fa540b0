// SPDX-License-Identifier: Apache-2.0
#include "model/model_runner.h"

#include <numeric>

#include "base/check.h"

namespace llmos::test {

Result<std::unique_ptr<ModelRunner>> ModelRunner::open(const std::string& path,
                                                       const RunnerOptions& options) {
  auto runner = std::make_unique<ModelRunner>();
  runner->options_ = options;
  auto device =
      ComputeDevice::create({.threads = options.threads, .kernel_set = options.kernel_set});
  if (!device.ok()) return device.status();
  runner->device_ = *std::move(device);
  const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = options.source});
  if (!checkpoint.ok()) return checkpoint.status();
  Result<Transformer> model =
      Transformer::load(*checkpoint, *runner->device_,
                        {.tokens = options.batch_tokens, .logit_rows = options.batch_tokens},
                        nullptr, options.repack, options.ranks);
  if (!model.ok()) return model.status();
  runner->model_ = std::make_unique<Transformer>(*std::move(model));
  const Result<BlockLayout> layout =
      kv_layout(runner->model_->shard(), options.kv_dtype, options.block_tokens);
  if (!layout.ok()) return layout.status();
  Result<Buffer> memory = runner->device_->allocate(layout->block_bytes() *
                                                    (options.cache_tokens / options.block_tokens));
  if (!memory.ok()) return memory.status();
  runner->cache_ = std::make_unique<BlockPool>(*std::move(memory), *layout);
  return runner;
}

Result<std::vector<float>> ModelRunner::step(std::vector<Piece> pieces) {
  std::vector<TokenId> ids;
  std::vector<kernels::AttentionSpan> spans;
  std::vector<uint32_t> contexts;
  for (const Piece& piece : pieces) {
    const int64_t position = piece.table->tokens();
    LLMOS_CHECK(piece.table->append(int64_t(piece.ids.size()))) << "the test's cache is too small";
    spans.push_back({.first = int64_t(ids.size()),
                     .tokens = int64_t(piece.ids.size()),
                     .position = position,
                     .blocks = piece.table->blocks().data()});
    contexts.push_back(piece.context ? piece.context : model_->config().context);
    ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
  }
  std::vector<int32_t> rows(ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  const auto result = model_->forward(
      {.ids = ids, .spans = spans, .contexts = contexts, .logit_rows = rows}, *cache_);
  if (!result.ok()) return result.status();
  return std::vector<float>(result->begin(), result->end());
}

std::vector<float> ModelRunner::logits(std::span<const TokenId> ids, size_t chunk,
                                       uint32_t context) {
  std::vector<float> all;
  BlockTable table = new_sequence();
  for (size_t i = 0; i < ids.size(); i += chunk) {
    const auto part =
        step({{&table, ids.subspan(i, std::min(chunk, ids.size() - i)), context}}).value();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<TokenId> ModelRunner::greedy(std::span<const TokenId> prompt, size_t count,
                                         size_t chunk, uint32_t context) {
  std::vector<TokenId> result;
  BlockTable table = new_sequence();
  std::vector<float> last;
  for (size_t i = 0; i < prompt.size(); i += chunk)
    last = step({{&table, prompt.subspan(i, std::min(chunk, prompt.size() - i)), context}}).value();
  for (;;) {
    const TokenId id = best_token(std::span(last).last(vocabulary()));
    result.push_back(id);
    if (result.size() == count) return result;
    last = step({{&table, std::span(&id, 1), context}}).value();
  }
}

}  // namespace llmos::test
