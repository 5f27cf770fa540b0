// SPDX-License-Identifier: Apache-2.0
// TensorSource: where a file keeps one weight, and what must be done to have it as the model wants
// it. Most are a whole tensor, used as it lies there.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "model/anatomy.h"

namespace llmos {

// The rows of a tensor that are meant: row r is row first + r / run * stride + r % run of the
// tensor, so that runs of `run` rows lie `stride` apart.
struct RowPick {
  uint64_t total = 0;  // rows that the tensor has; 0: all are meant, and the rest here is unused
  uint64_t first = 0;
  uint64_t run = 0;
  uint64_t stride = 0;

  bool whole() const { return total == 0; }
  uint64_t row(uint64_t r) const { return whole() ? r : first + r / run * stride + r % run; }
};

// The part of a weight that one rank holds: the sizes of the whole, and where the part begins in
// it. A row of floats (a bias, a norm) is divided like the rows of its matrix.
struct SourceSlice {
  uint64_t matrices = 0, rows = 0, columns = 0;  // of the whole; 0: the part is the whole of it
  uint64_t first_matrix = 0, first_row = 0, first_column = 0;
};

struct TensorSource {
  // Of the tensor. "{}" in it stands for the number of an expert: the stack is as many tensors.
  std::string name;
  RowPick pick;
  bool transposed = false;  // stored [columns, rows]
  float add = 0;            // to every element of a vector, as gemma's norms want it
  // gpt-oss' own form of MXFP4: `name` holds the nibbles of blocks, this tensor their scales.
  std::string scales;
  SourceSlice slice;
  bool absent = false;  // another rank has it

  TensorSource() = default;
  TensorSource(std::string n) : name(std::move(n)) {}  // NOLINT: a name alone is a source
  TensorSource(const char* n) : name(n) {}             // NOLINT

  TensorSource picked(RowPick p) const {
    TensorSource result = *this;
    result.pick = p;
    return result;
  }
};

using ModelSources = Anatomy<TensorSource, TensorSource>;

// The parts of a fused tensor that lie in it one behind the other: rows of each, and where the
// part's name goes.
struct RowsOf {
  uint64_t rows;
  ModelSources::Linear* part;
};
void divide_rows(const std::string& name, std::initializer_list<RowsOf> parts);

// What read_model() finds out about a checkpoint: the description, and where the weights are.
struct ModelFile {
  ModelConfig config;
  ModelSources sources;
};

}  // namespace llmos
