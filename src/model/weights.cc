// SPDX-License-Identifier: Apache-2.0
#include "model/weights.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "tensor/quant.h"

namespace llmos {
namespace {

// Copies items into the buffer, in the form that the model wants.
class Copier {
 public:
  Copier(const Checkpoint& checkpoint, ComputeDevice& device, std::byte* copies)
      : checkpoint_(checkpoint), device_(device), copies_(copies) {}

  Status copy(const WeightItem& item) {
    std::byte* const to = copies_ + item.offset;
    if (item.vector) return copy_floats(item, reinterpret_cast<float*>(to));
    for (uint64_t m = 0; m < item.matrices; ++m) {
      std::byte* const matrix = to + m * item.matrix_bytes;
      const Status status = item.is_packed() ? pack_matrix(item, m, matrix)
                                             : copy_matrix(item, m, {0, item.rows}, matrix);
      if (!status.ok()) return status;
    }
    return Status();
  }

 private:
  struct Rows {
    uint64_t first;
    uint64_t last;  // behind the last
  };

  Status copy_matrix(const WeightItem& item, uint64_t m, Rows rows, std::byte* to) {
    if (item.scales) return copy_mxfp4(item, m, rows, to);
    return item.source->transposed ? copy_transposed(item, m, to) : copy_rows(item, m, rows, to);
  }

  // Window by window: out of the file where it is mapped, else out of a copy of the window.
  Status pack_matrix(const WeightItem& item, uint64_t m, std::byte* to) {
    const uint64_t group = item.packed_rows * item.row_bytes;
    const uint64_t window = std::max<uint64_t>(1, Weights::kWindowBytes / group) * item.packed_rows;
    for (uint64_t r = 0; r < item.rows; r += window) {
      const Rows rows{r, std::min(r + window, item.rows)};
      const std::byte* from = item.mapped;
      if (from) {
        from += m * item.mapped_matrix_bytes + r * item.stored_row_bytes;
      } else {
        window_.resize((rows.last - rows.first) * item.row_bytes);
        const Status status = copy_matrix(item, m, rows, window_.data());
        if (!status.ok()) return status;
        from = window_.data();
      }
      device_.stream().launch(device_.kernels().pack,
                              {.out = to + r / item.packed_rows * item.packed_bytes,
                               .in = from,
                               .dtype = item.dtype,
                               .rows = int64_t(rows.last - rows.first),
                               .columns = int64_t(item.columns),
                               .row_bytes = item.mapped ? item.stored_row_bytes : item.row_bytes});
      device_.stream().finish();
    }
    checkpoint_.dont_need(*item.tensors[item.tensors.size() > 1 ? m : 0]);
    return Status();
  }

  // The tensor of matrix `m`, and where in it the matrix begins.
  struct Place {
    const TensorInfo& info;
    uint64_t offset;
  };
  Place place(const WeightItem& item, uint64_t m) const {
    if (item.tensors.size() > 1) return {*item.tensors[m], 0};
    return {*item.tensors[0],
            (item.first_matrix + m) * (item.tensors[0]->bytes / item.stored_matrices)};
  }

  Status read(const TensorInfo& info, uint64_t offset, uint64_t bytes) {
    row_.resize(std::max<size_t>(row_.size(), bytes));
    return checkpoint_.read(info, offset, std::span(row_).first(bytes));
  }

  // Rows behind `r` that lie one behind the other in the file, as they will here.
  static uint64_t end_of_run(const WeightItem& item, uint64_t r) {
    const RowPick& pick = item.source->pick;
    if (item.stored_row_bytes != item.row_bytes) return r + 1;
    if (pick.whole()) return item.rows;
    const uint64_t place = item.source->slice.first_row + r;
    return r + pick.run - place % pick.run;
  }

  // Runs of consecutive rows, each in one read.
  Status copy_rows(const WeightItem& item, uint64_t m, Rows rows, std::byte* to) {
    const Place from = place(item, m);
    for (uint64_t r = rows.first; r < rows.last;) {
      const uint64_t end = std::min(end_of_run(item, r), rows.last);
      const uint64_t bytes = (end - r) * item.row_bytes;
      const uint64_t offset =
          from.offset + item.stored_row(r) * item.stored_row_bytes + item.first_column_bytes;
      const Status status = checkpoint_.read(
          from.info, offset, std::span(to + (r - rows.first) * item.row_bytes, bytes));
      if (!status.ok()) return status;
      r = end;
    }
    return Status();
  }

  // Stored as [columns, rows]: one stored row is one column of the result.
  Status copy_transposed(const WeightItem& item, uint64_t m, std::byte* to) {
    const Place from = place(item, m);
    const RowPick& pick = item.source->pick;
    const uint64_t size = dtype_traits(item.dtype).block_bytes;
    const uint64_t stored = (pick.whole() ? item.whole_rows() : pick.total) * size;
    const uint64_t first = item.source->slice.first_column;
    for (uint64_t c = 0; c < item.columns; ++c) {
      if (Status status = read(from.info, from.offset + (first + c) * stored, stored); !status.ok())
        return status;
      for (uint64_t r = 0; r < item.rows; ++r) {
        std::memcpy(to + r * item.row_bytes + c * size, row_.data() + item.stored_row(r) * size,
                    size);
      }
    }
    return Status();
  }

  // Blocks of 32: here 16 bytes of neighbours (2 i, 2 i + 1), there a scale and 16 bytes of
  // (i, i + 16).
  Status copy_mxfp4(const WeightItem& item, uint64_t m, Rows rows, std::byte* to) {
    const Place nibbles = place(item, m);
    const uint64_t groups = item.columns / 32, whole = item.whole_columns() / 32;
    const uint64_t first = item.source->slice.first_column / 32;
    const uint64_t scales_offset =
        (item.first_matrix + m) * (item.scales->bytes / item.stored_matrices);
    std::vector<std::byte> scales(groups);
    for (uint64_t r = rows.first; r < rows.last; ++r) {
      const uint64_t group = item.stored_row(r) * whole + first;
      Status status = read(nibbles.info, nibbles.offset + group * 16, groups * 16);
      if (status.ok()) status = checkpoint_.read(*item.scales, scales_offset + group, scales);
      if (!status.ok()) return status;
      for (uint64_t g = 0; g < groups; ++g)
        pack_mxfp4(scales[g], row_.data() + g * 16,
                   to + (r - rows.first) * item.row_bytes + g * 17);
    }
    return Status();
  }

  static void pack_mxfp4(std::byte scale, const std::byte* neighbours, std::byte* block) {
    const auto element = [&](size_t i) {
      return i % 2 == 0 ? neighbours[i / 2] & std::byte{15} : neighbours[i / 2] >> 4;
    };
    *block++ = scale;
    for (size_t i = 0; i < 16; ++i) block[i] = element(i) | element(i + 16) << 4;
  }

  Status copy_floats(const WeightItem& item, float* to) {
    const TensorInfo& info = *item.tensors[0];
    const RowPick& pick = item.source->pick;
    const uint64_t stored = pick.whole() ? item.whole_rows() : pick.total;
    const uint64_t first = item.source->slice.first_matrix;
    if (Status status = read(info, 0, info.bytes); !status.ok()) return status;
    floats_.resize(item.whole_matrices() * stored);
    dequantize_row(info.dtype, row_.data(), floats_.data(), floats_.size());
    for (uint64_t r = 0; r < item.rows; ++r) {
      for (uint64_t c = 0; c < item.columns; ++c)
        to[r * item.columns + c] =
            floats_[(first + r) * stored + item.stored_row(c)] + item.source->add;
    }
    return Status();
  }

  const Checkpoint& checkpoint_;
  ComputeDevice& device_;
  std::byte* copies_;
  std::vector<std::byte> row_;
  std::vector<std::byte> window_;
  std::vector<float> floats_;
};

// Writes where the item is now into the anatomy.
void place(const WeightItem& item, const std::byte* copies) {
  const std::byte* const data = item.is_used_in_place() ? item.mapped : copies + item.offset;
  if (item.vector) {
    *item.vector = reinterpret_cast<const float*>(data);
    return;
  }
  *item.matrix = {.data = data,
                  .dtype = item.dtype,
                  .packed = item.is_packed(),
                  .rows = int64_t(item.rows),
                  .columns = int64_t(item.columns),
                  .row_bytes = item.is_packed()          ? item.packed_bytes
                               : item.is_used_in_place() ? item.stored_row_bytes
                                                         : item.row_bytes,
                  .matrix_bytes = item.matrix_bytes};
}

}  // namespace

Result<Weights> Weights::load(const Checkpoint& checkpoint, const ModelFile& file,
                              ComputeDevice& device, LoadProgress* progress, bool repack) {
  Weights weights(checkpoint);
  Result<WeightLayout> layout =
      WeightLayout::create(checkpoint, file, weights.parts_, repack ? &device.kernels() : nullptr);
  if (!layout.ok()) return layout.status();
  weights.bytes_ = {layout->bytes_mapped, layout->bytes_copied, layout->bytes_packed};
  Result<Buffer> copies = device.allocate(layout->bytes_copied);
  if (!copies.ok()) return copies.status();
  weights.copies_ = *std::move(copies);

  Copier copier(checkpoint, device, weights.copies_.data());
  Progress done{.tensors_total = uint32_t(layout->items.size())};
  for (const WeightItem& item : layout->items) done.bytes_total += item.bytes();
  for (const WeightItem& item : layout->items) {
    if (!item.is_used_in_place()) {
      if (Status status = copier.copy(item); !status.ok()) return status;
    }
    place(item, weights.copies_.data());
    done.bytes_done += item.bytes();
    ++done.tensors_done;
    if (progress && !progress->advance(done))
      return Status(Code::kCancelled, checkpoint.path() + ": loading was cancelled");
  }
  kernels::Matrix& head = weights.parts_.head.weight;
  if (file.config.tied_head && !head.data) head = weights.parts_.embedding;
  return weights;
}

Result<WeightBytes> Weights::measure(const Checkpoint& checkpoint, const ModelFile& file,
                                     const kernels::KernelTable* packing) {
  ModelWeights parts;
  const Result<WeightLayout> layout = WeightLayout::create(checkpoint, file, parts, packing);
  if (!layout.ok()) return layout.status();
  return WeightBytes{layout->bytes_mapped, layout->bytes_copied, layout->bytes_packed};
}

}  // namespace llmos
