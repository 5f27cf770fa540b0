// SPDX-License-Identifier: Apache-2.0
#include "model/weight_layout.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.h"
#include "tensor/quant.h"

namespace llmos {
namespace {

constexpr uint64_t kMxfp4Elements = 32;     // in a block
constexpr uint64_t kMxfp4NibbleBytes = 16;  // of a block, without its scale

// What kernels need of a row's address.
uint64_t alignment_of(DType dtype) {
  if (dtype == DType::kF32) return 4;
  return dtype == DType::kF8E4M3 || dtype == DType::kMXFP4 ? 1 : 2;
}

// Formats write a stack of one matrix as a matrix, and a matrix of one row as a row.
Shape without_leading_ones(const Shape& shape) {
  std::span<const uint64_t> sizes = shape.sizes();
  while (!sizes.empty() && sizes.front() == 1) sizes = sizes.subspan(1);
  return Shape(sizes);
}

bool same_shape(const Shape& a, const Shape& b) {
  return without_leading_ones(a) == without_leading_ones(b);
}

// Visits the parts of a model and makes an item of each.
class Planner {
 public:
  Planner(const Checkpoint& checkpoint, const ModelWeights& parts,
          const kernels::KernelTable* packing)
      : checkpoint_(checkpoint), parts_(parts), packing_(packing) {}

  void matrix(const TensorSource& source, uint64_t matrices, uint64_t rows, uint64_t columns,
              kernels::Matrix& into) {
    WeightItem item{.source = &source, .matrices = matrices, .rows = rows, .columns = columns};
    item.matrix = &into;
    if (source.absent || !status_.ok() || !find_tensors(item) || !choose_type(item)) return;
    const bool is_mapped = map(item);
    if (choose_packing(item)) {
      pack(item);
    } else if (is_mapped) {
      layout_.bytes_mapped += item.bytes();
    } else {
      copy(item);
    }
    layout_.items.push_back(std::move(item));
  }

  // What would be one matrix with another use: worth a copy only if that is packed.
  void packed_copy(const TensorSource& source, uint64_t rows, uint64_t columns,
                   kernels::Matrix& into) {
    WeightItem item{.source = &source, .rows = rows, .columns = columns};
    item.matrix = &into;
    if (!status_.ok() || !find_tensors(item) || !choose_type(item)) return;
    map(item);
    if (!choose_packing(item)) return;
    pack(item);
    layout_.items.push_back(std::move(item));
  }

  // A row for each matrix, always copied as f32.
  void vector(const TensorSource& source, uint64_t matrices, uint64_t size, const float*& into) {
    WeightItem item{.source = &source, .matrices = 1, .rows = matrices, .columns = size};
    item.vector = &into;
    if (source.absent || !status_.ok() || !find_tensors(item) || !check_floats(item)) return;
    item.row_bytes = size * sizeof(float);
    copy(item);
    layout_.items.push_back(std::move(item));
  }

  Result<WeightLayout> finish() && {
    if (!status_.ok()) return status_;
    return std::move(layout_);
  }

 private:
  bool fail(Code code, const Text& text) {
    if (status_.ok()) status_ = Status(code, checkpoint_.path() + ": " + text.str());
    return false;
  }

  const TensorInfo* find(const std::string& name, const Shape& expected) {
    const TensorInfo* const info = checkpoint_.find(name);
    if (info && same_shape(info->shape, expected)) return info;
    Text text;
    text << "tensor " << name << ": expected shape " << expected.to_string() << ", found ";
    if (info) text << dtype_name(info->dtype) << ' ' << info->shape.to_string();
    fail(Code::kCorrupt, info ? text : text << "no such tensor");
    return nullptr;
  }

  // The shape that the file should have for one tensor of the item.
  Shape stored_shape(const WeightItem& item) const {
    const TensorSource& source = *item.source;
    const uint64_t rows = source.pick.whole() ? item.whole_rows() : source.pick.total;
    if (item.vector) return Shape{item.whole_matrices(), rows};
    const uint64_t matrices = item.stored_matrices, columns = item.whole_columns();
    if (!source.scales.empty()) {
      return Shape{matrices, rows, columns / kMxfp4Elements, kMxfp4NibbleBytes};
    }
    return source.transposed ? Shape{matrices, columns, rows} : Shape{matrices, rows, columns};
  }

  bool find_tensors(WeightItem& item) {
    const std::string& name = item.source->name;
    const size_t place = name.find("{}");
    const bool stacked = place == std::string::npos;
    const uint64_t first = item.source->slice.first_matrix;
    item.stored_matrices = stacked ? item.whole_matrices() : 1;
    item.first_matrix = stacked ? first : 0;
    const Shape shape = stored_shape(item);
    for (uint64_t i = 0; i < (stacked ? 1 : item.matrices); ++i) {
      std::string each = name;
      if (!stacked) each.replace(place, 2, std::to_string(first + i));
      const TensorInfo* const info = find(each, shape);
      if (!info) return false;
      if (i > 0 && info->dtype != item.tensors[0]->dtype) {
        return fail(Code::kUnsupported, Text() << "tensor " << each << ": expected type "
                                               << dtype_name(item.tensors[0]->dtype) << " like "
                                               << name << " before it, found "
                                               << dtype_name(info->dtype));
      }
      item.tensors.push_back(info);
    }
    return true;
  }

  bool check_floats(const WeightItem& item) {
    const TensorInfo& info = *item.tensors[0];
    if (is_dequantizable(info.dtype)) return true;
    return fail(Code::kUnsupported, Text() << "tensor " << info.name
                                           << ": expected a floating-point type, found "
                                           << dtype_name(info.dtype));
  }

  bool choose_type(WeightItem& item) {
    item.dtype = item.tensors[0]->dtype;
    if (!item.source->scales.empty()) return choose_mxfp4(item);
    if (!check_floats(item)) return false;
    if (item.source->transposed && is_quantized(item.dtype)) {
      return fail(Code::kUnsupported, Text() << "tensor " << item.tensors[0]->name
                                             << ": expected a plain type, for it is stored "
                                                "transposed, found "
                                             << dtype_name(item.dtype));
    }
    return measure_rows(item);
  }

  bool measure_rows(WeightItem& item) {
    const auto part = row_bytes(item.dtype, item.columns);
    const auto whole = row_bytes(item.dtype, item.whole_columns());
    const auto before = row_bytes(item.dtype, item.source->slice.first_column);
    if (!part || !whole || !before) {
      return fail(Code::kCorrupt, Text() << "tensor " << item.tensors[0]->name << ": rows of "
                                         << item.columns << " are no whole blocks of "
                                         << dtype_name(item.dtype));
    }
    item.row_bytes = *part;
    item.stored_row_bytes = *whole;
    item.first_column_bytes = *before;
    return true;
  }

  bool choose_mxfp4(WeightItem& item) {
    const uint64_t groups = item.whole_columns() / kMxfp4Elements;
    if (item.whole_columns() % kMxfp4Elements != 0 || item.columns % kMxfp4Elements != 0 ||
        dtype_traits(item.dtype).block_bytes != 1) {
      return fail(Code::kUnsupported, Text() << "tensor " << item.tensors[0]->name
                                             << ": expected bytes that hold rows of whole blocks "
                                                "of 32, found "
                                             << dtype_name(item.dtype) << " for rows of "
                                             << item.columns);
    }
    const uint64_t rows = item.source->pick.whole() ? item.whole_rows() : item.source->pick.total;
    item.scales = find(item.source->scales, Shape{item.stored_matrices, rows, groups});
    if (!item.scales) return false;
    if (dtype_traits(item.scales->dtype).block_bytes != 1) {
      return fail(Code::kUnsupported, Text() << "tensor " << item.scales->name
                                             << ": expected bytes, found "
                                             << dtype_name(item.scales->dtype));
    }
    item.dtype = DType::kMXFP4;
    return measure_rows(item);
  }

  // Uses the item where it lies, if its rows follow one another and matrices are evenly apart.
  bool map(WeightItem& item) {
    const bool contiguous =
        item.rows == 0 || item.stored_row(item.rows - 1) - item.stored_row(0) == item.rows - 1;
    if (item.source->transposed || item.scales || !contiguous) return false;
    const Result<TensorView> first = checkpoint_.view(*item.tensors[0]);
    if (!first.ok()) return false;
    const std::byte* data = first->data;
    uint64_t apart = item.tensors[0]->bytes / item.stored_matrices;
    for (size_t i = 1; i < item.tensors.size(); ++i) {
      const Result<TensorView> next = checkpoint_.view(*item.tensors[i]);
      if (!next.ok() || item.tensors[i]->file != item.tensors[0]->file || next->data < data)
        return false;
      const uint64_t distance = uint64_t(next->data - data) / i;
      if (i == 1) apart = distance;
      if (data + apart * i != next->data) return false;
    }
    data += item.first_matrix * apart + item.stored_row(0) * item.stored_row_bytes +
            item.first_column_bytes;
    const uint64_t alignment = alignment_of(item.dtype);
    if (reinterpret_cast<uintptr_t>(data) % alignment != 0 || apart % alignment != 0) return false;
    item.mapped = data;
    item.mapped_matrix_bytes = item.matrix_bytes = apart;
    return true;
  }

  bool choose_packing(WeightItem& item) const {
    const bool is_table = item.matrix == &parts_.embedding || item.matrix == &parts_.positions;
    if (!packing_ || packing_->pack_rows == 0 || is_table) return false;
    // Fewer rows would mostly be padding.
    if (item.rows < uint64_t(packing_->pack_rows)) return false;
    item.packed_rows = uint64_t(packing_->pack_rows);
    item.packed_bytes = packing_->packed_bytes(item.dtype, int64_t(item.columns));
    return item.packed_bytes > 0;
  }

  void pack(WeightItem& item) {
    item.matrix_bytes = item.groups() * item.packed_bytes;
    place(item, item.matrices * item.matrix_bytes);
    layout_.bytes_packed += item.matrices * item.matrix_bytes;
  }

  void copy(WeightItem& item) {
    item.matrix_bytes = item.rows * item.row_bytes;
    place(item, item.bytes());
  }

  void place(WeightItem& item, uint64_t bytes) {
    item.offset = layout_.bytes_copied;
    layout_.bytes_copied += (bytes + WeightLayout::kAlignment - 1) / WeightLayout::kAlignment *
                            WeightLayout::kAlignment;
  }

  const Checkpoint& checkpoint_;
  const ModelWeights& parts_;
  const kernels::KernelTable* packing_;
  WeightLayout layout_;
  Status status_;
};

}  // namespace

Result<WeightLayout> WeightLayout::create(const Checkpoint& checkpoint, const ModelFile& file,
                                          ModelWeights& into, const kernels::KernelTable* packing) {
  into.layers.resize(file.config.layers.size());
  Planner planner(checkpoint, into, packing);
  visit_parts(file.config, file.sources, into, planner);
  if (file.config.tied_head) {
    planner.packed_copy(file.sources.embedding, file.config.vocabulary, file.config.dim,
                        into.head.weight);
  }
  return std::move(planner).finish();
}

}  // namespace llmos
