// SPDX-License-Identifier: Apache-2.0
// WeightLayout: for each weight of a model, the tensor that holds it, whether it can be used where
// it lies in the file, and otherwise its place in one buffer of copies, packed for a kernel set or
// not. Planning and loading share it, so a plan's bytes are the bytes that loading takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/checkpoint.h"
#include "model/anatomy.h"
#include "model/tensor_source.h"

namespace llmos {

// The loaded parts. Matrices without data and null vectors are parts that the model does not have.
using ModelWeights = Anatomy<kernels::Matrix, const float*>;

// One weight and where it comes from.
struct WeightItem {
  const TensorSource* source = nullptr;
  uint64_t matrices = 1, rows = 0, columns = 0;  // as the model wants it
  std::vector<const TensorInfo*> tensors{};      // one, or one for each matrix
  const TensorInfo* scales = nullptr;
  DType dtype = DType::kF32;  // as the model gets it
  uint64_t row_bytes = 0;
  // In the file: matrices of one tensor, the first that is meant, and of the columns that are.
  uint64_t stored_matrices = 1, first_matrix = 0;
  uint64_t stored_row_bytes = 0, first_column_bytes = 0;

  // Packed by a kernel set: bytes of a group of rows; 0: as it is in the file.
  uint64_t packed_bytes = 0;
  uint64_t packed_rows = 0;           // in a group
  const std::byte* mapped = nullptr;  // where it lies in the file, matrices this far apart:
  uint64_t mapped_matrix_bytes = 0;
  uint64_t matrix_bytes = 0;  // from one to the next where the model reads them
  uint64_t offset = 0;        // in the copies, for all that is not used in the file

  kernels::Matrix* matrix = nullptr;  // where the result goes: one of these two
  const float** vector = nullptr;

  // Of the whole, where this is a rank's part (TensorSource::slice).
  uint64_t whole_matrices() const {
    return source->slice.matrices ? source->slice.matrices : vector ? rows : matrices;
  }
  uint64_t whole_rows() const {
    return source->slice.rows ? source->slice.rows : vector ? columns : rows;
  }
  uint64_t whole_columns() const { return source->slice.columns ? source->slice.columns : columns; }
  // Which row of the tensor is row r; of a vector, which element.
  uint64_t stored_row(uint64_t r) const { return source->pick.row(source->slice.first_row + r); }

  bool is_packed() const { return packed_bytes > 0; }
  bool is_used_in_place() const { return mapped != nullptr && !is_packed(); }
  uint64_t bytes() const { return matrices * rows * row_bytes; }  // in the file's form
  uint64_t groups() const { return (rows + packed_rows - 1) / packed_rows; }
};

// Refers to the checkpoint, the sources and the weights that it was made for.
struct WeightLayout {
  // Copies begin on cache lines, like buffers.
  static constexpr uint64_t kAlignment = 64;

  std::vector<WeightItem> items;  // in the order of visit_parts()
  uint64_t bytes_mapped = 0;
  uint64_t bytes_copied = 0;  // the buffer, gaps included
  uint64_t bytes_packed = 0;  // of those

  // Resizes `into.layers`; the items will fill it. Reads no weight.
  // Failure: kCorrupt, naming a tensor that is missing or has another shape than the configuration
  // says, with both; kUnsupported for a type that the model cannot compute with.
  // With a set that packs, every matrix whose type it packs is packed, but those that are read row
  // by row (embeddings; a head that shares them gets a packed copy of its own).
  static Result<WeightLayout> create(const Checkpoint& checkpoint, const ModelFile& file,
                                     ModelWeights& into,
                                     const kernels::KernelTable* packing = nullptr);
};

}  // namespace llmos
