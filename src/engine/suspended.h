// SPDX-License-Identifier: Apache-2.0
// SuspendedRequest: all that a request needs to go on elsewhere with the same tokens, as bytes.
//
//   std::vector<std::byte> image = to_image(suspended, digest);
//   Result<SuspendedRequest> again = from_image(image, digest);
//
// Kept are the request's options, its tokens, the keys and values that were in memory, the state of
// its samplers, and what its reader has not seen. Random numbers are counted by place, penalties
// and stop strings follow from the tokens: nothing else has a state.
//
// Key      Bits of keys and values, and of logits, are of one model, computed in one way: the
//          digest says which. Another digest is kInvalid.
// Format   Little-endian: magic, version, digest, fields in the order of visit() in the source, a
//          checksum of all before it.
// Hostile  An image is not trusted. Every count is held against the bytes that are left; what does
//          not fit is kCorrupt. Whether options and tokens make sense to an engine is checked as
//          for a new request (api/request_check.h). A forged image can hold wrong keys and values:
//          they harm only its own answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/stream_state.h"
#include "kv/block_layout.h"
#include "kv/prefix_file.h"
#include "llmos/request.h"
#include "llmos/status.h"

namespace llmos::engine {

// Keys and values of the first `tokens` tokens of a sequence, as whole blocks of `shape`.
struct SavedBlocks {
  BlockShape shape{};
  uint32_t tokens = 0;  // 0: none; everything is computed again
  std::vector<std::byte> bytes{};
};

struct SuspendedChoice {
  std::vector<TokenId> answer;  // drawn so far
  double sampler_state = 0;
  bool over = false;
  Finish finish{};
  SavedBlocks blocks{};
};

// A token that the reader has not seen, with the scores beside it.
struct UnreadToken {
  TokenEvent event{};
  std::vector<TokenScore> tops{};
};

struct SuspendedRequest {
  Request request;  // without its prompt, hook and listener
  std::vector<TokenId> prompt;
  std::vector<SuspendedChoice> choices;
  std::vector<PositionScore> prompt_scores;
  Usage usage;
  // The reader's side.
  std::vector<std::vector<PositionScore>> scores;  // of the answer tokens seen, for each choice
  std::vector<uint32_t> seen;                      // answer tokens shown, for each choice
  std::vector<UnreadToken> unread;
};

std::vector<std::byte> to_image(const SuspendedRequest& suspended, const ModelDigest& digest);
// kCorrupt: not an image, or a damaged one; kInvalid: of another model or way of computing.
Result<SuspendedRequest> from_image(std::span<const std::byte> image, const ModelDigest& digest);

}  // namespace llmos::engine
