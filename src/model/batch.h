// SPDX-License-Identifier: Apache-2.0
// Batch: the tokens of one step, of any number of sequences. It is ragged: long chunks of prompts
// and single decoded tokens stand side by side.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "llmos/types.h"

namespace llmos {

// Views of the caller's memory; a value.
struct Batch {
  std::span<const TokenId> ids;  // [tokens]
  // One for each sequence, covering the tokens once and in order. Its block table has room for its
  // tokens already; the step writes their keys and values.
  std::span<const kernels::AttentionSpan> spans;
  // [spans]: the tokens that each sequence may ever hold, from its first step to its last. Decides
  // which frequencies a long-rope model uses for it (rope.h). Empty: sequences may grow to the
  // context that the model was made for.
  std::span<const uint32_t> contexts{};
  // Tokens of the batch whose logits are wanted, in any order.
  std::span<const int32_t> logit_rows{};
};

}  // namespace llmos
