// SPDX-License-Identifier: Apache-2.0
#include "engine/rank_message.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace llmos::engine {
namespace {

constexpr uint32_t kMagic = 0x314B4E52;            // "RNK1": the version of the message
constexpr uint64_t kBytesMax = uint64_t{1} << 30;  // tables of 2^28 blocks

uint64_t blocks_of(int64_t tokens, int64_t block_tokens) {
  return uint64_t((tokens + block_tokens - 1) / block_tokens);
}

}  // namespace

struct RankMessage::Header {
  uint32_t magic = kMagic;
  uint32_t goes_on = 1;
  uint64_t bytes = 0;  // of the whole message
  uint32_t ids = 0, spans = 0, contexts = 0, rows = 0, copies = 0;
  uint32_t blocks = 0;
};

template <class T>
void RankMessage::put(std::span<const T> items) {
  const size_t at = bytes_.size();
  bytes_.resize(at + items.size_bytes());
  if (!items.empty()) std::memcpy(bytes_.data() + at, items.data(), items.size_bytes());
}

Status RankMessage::send(Communicator& ranks, const Batch& batch, std::span<const BlockCopy> copies,
                         int64_t block_tokens) {
  Header header;
  header.ids = uint32_t(batch.ids.size());
  header.spans = uint32_t(batch.spans.size());
  header.contexts = uint32_t(batch.contexts.size());
  header.rows = uint32_t(batch.logit_rows.size());
  header.copies = uint32_t(copies.size());
  bytes_.resize(sizeof header);
  put(batch.ids);
  for (const kernels::AttentionSpan& span : batch.spans) {
    const SpanRecord record{span.tokens, span.position};
    put(std::span(&record, 1));
  }
  put(batch.contexts);
  put(batch.logit_rows);
  put(copies);
  for (const kernels::AttentionSpan& span : batch.spans) {
    const uint64_t blocks = blocks_of(span.position + span.tokens, block_tokens);
    put(std::span(span.blocks, blocks));
    header.blocks += uint32_t(blocks);
  }
  header.bytes = bytes_.size();
  std::memcpy(bytes_.data(), &header, sizeof header);
  return broadcast(ranks);
}

Status RankMessage::send_stop(Communicator& ranks) {
  Header header;
  header.goes_on = 0;
  bytes_.resize(sizeof header);
  header.bytes = bytes_.size();
  std::memcpy(bytes_.data(), &header, sizeof header);
  return broadcast(ranks);
}

Status RankMessage::broadcast(Communicator& ranks) {
  bytes_.resize(std::max(bytes_.size(), kFrameBytes));
  const std::span<std::byte> all(bytes_);
  const Status status = ranks.broadcast(all.first(kFrameBytes), 0, Patience::kIdle);
  if (!status.ok() || all.size() == kFrameBytes) return status;
  return ranks.broadcast(all.subspan(kFrameBytes), 0);
}

Result<bool> RankMessage::receive(Communicator& ranks, const BatchLimits& limits,
                                  int64_t block_tokens) {
  bytes_.resize(kFrameBytes);
  if (Status status = ranks.broadcast(bytes_, 0, Patience::kIdle); !status.ok()) return status;
  Header header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.magic != kMagic || header.bytes < sizeof header || header.bytes > kBytesMax) {
    return Status(Code::kCorrupt,
                  "ranks: expected a step of this version, found another message; "
                  "all ranks must run the same build");
  }
  if (header.goes_on == 0) return false;
  if (header.bytes > kFrameBytes) {
    bytes_.resize(header.bytes);
    const Status status = ranks.broadcast(std::span(bytes_).subspan(kFrameBytes), 0);
    if (!status.ok()) return status;
  }
  bytes_.resize(header.bytes);
  if (unpack(limits, block_tokens)) return true;
  return Status(Code::kCorrupt,
                "ranks: a step that contradicts itself, or is larger than this "
                "rank's limits; all ranks need the same options");
}

template <class T>
bool RankMessage::take(size_t& at, uint32_t count, std::vector<T>& into) const {
  const size_t bytes = size_t(count) * sizeof(T);
  if (bytes > bytes_.size() - at) return false;
  into.resize(count);
  if (count > 0) std::memcpy(into.data(), bytes_.data() + at, bytes);
  at += bytes;
  return true;
}

bool RankMessage::unpack(const BatchLimits& limits, int64_t block_tokens) {
  Header header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.ids > limits.tokens || header.rows > limits.logit_rows) return false;
  if (header.contexts != 0 && header.contexts != header.spans) return false;
  size_t at = sizeof header;
  if (!take(at, header.ids, ids_) || !take(at, header.spans, records_) ||
      !take(at, header.contexts, contexts_) || !take(at, header.rows, rows_) ||
      !take(at, header.copies, copies_) || !take(at, header.blocks, blocks_) || at != bytes_.size())
    return false;
  spans_.clear();
  int64_t first = 0;
  uint64_t block = 0;
  for (const SpanRecord& record : records_) {
    if (record.tokens < 1 || record.tokens > int64_t(header.ids) - first || record.position < 0 ||
        record.position > int64_t(kContextMax))
      return false;
    const uint64_t blocks = blocks_of(record.position + record.tokens, block_tokens);
    if (blocks > blocks_.size() - block) return false;
    spans_.push_back({.first = first,
                      .tokens = record.tokens,
                      .position = record.position,
                      .blocks = blocks_.data() + block});
    first += record.tokens;
    block += blocks;
  }
  const auto in_batch = [&](int32_t row) { return row >= 0 && row < first; };
  return first == int64_t(header.ids) && block == blocks_.size() &&
         std::all_of(rows_.begin(), rows_.end(), in_batch);
}

}  // namespace llmos::engine
