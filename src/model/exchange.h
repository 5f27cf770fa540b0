// SPDX-License-Identifier: Apache-2.0
// Exchange: what a step of a shard does between its products, as operations of a stream: partial
// results are completed, and what other ranks hold is left out. They are launched like kernels;
// the first member of the team meets the other ranks while the rest waits at the next barrier.
#pragma once

#include <cstdint>

#include "comm/communicator.h"
#include "kernels/kernels.h"

namespace llmos::exchange {

// A rank's place among the others during a step. After the first failure nothing more is
// exchanged, and the step's results mean nothing.
struct Link {
  Communicator* ranks = nullptr;
  Status failure;
};

// data[i] becomes the sum over all ranks.
struct ReduceParams {
  Link* link = nullptr;
  float* data = nullptr;
  int64_t count = 0;
};
void reduce(const ReduceParams& p, const kernels::Launch& launch);

// Row t of x becomes 0 where ids[t] is not one of this rank's words.
struct OwnRowsParams {
  float* x = nullptr;  // [tokens, columns]
  const int32_t* ids = nullptr;
  int64_t tokens = 0;
  int64_t columns = 0;
  int32_t first = 0;  // this rank's words
  int32_t count = 0;
};
void keep_own_rows(const OwnRowsParams& p, const kernels::Launch& launch);

// Numbers of experts become those of this rank's stack; others' weigh 0, and the first one's work
// stands in for theirs.
struct OwnExpertsParams {
  int32_t* experts = nullptr;  // [slots]
  float* weights = nullptr;    // [slots]
  int64_t slots = 0;
  int32_t first = 0;
  int32_t count = 0;
};
void keep_own_experts(const OwnExpertsParams& p, const kernels::Launch& launch);

struct ClearParams {
  float* data = nullptr;
  int64_t count = 0;
};
void clear(const ClearParams& p, const kernels::Launch& launch);

// RMS norms over rows that are divided among the ranks, in two halves with a reduce in between:
// squares[row] = sum of this rank's part; then in place, x = x / rms * weight.
struct SquaresParams {
  float* squares = nullptr;  // [rows]
  const float* x = nullptr;  // [rows, columns]
  int64_t rows = 0;
  int64_t columns = 0;
  bool counts = true;  // false: a lower rank has the same columns, and counts them
};
void square_sums(const SquaresParams& p, const kernels::Launch& launch);

struct WholeNormParams {
  float* x = nullptr;              // [rows, columns]
  const float* squares = nullptr;  // [rows], of whole rows
  const float* weight = nullptr;   // [columns]
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t whole_columns = 0;
  float epsilon = 0;
};
void norm_whole(const WholeNormParams& p, const kernels::Launch& launch);

// logits[row, :] = every rank's words in their order.
struct GatherWordsParams {
  Link* link = nullptr;
  float* own = nullptr;               // [rows, words]: this rank's
  float* gathered = nullptr;          // [ranks, rows * words_max]
  float* logits = nullptr;            // [rows, borders[ranks]]
  const uint32_t* borders = nullptr;  // [ranks + 1]
  int64_t rows = 0;
  int64_t words_max = 0;
};
void gather_words(const GatherWordsParams& p, const kernels::Launch& launch);

}  // namespace llmos::exchange
