// SPDX-License-Identifier: Apache-2.0
// Shape: the sizes of a tensor, outermost first, as mathematics and PyTorch write them: a weight
// matrix is [rows, columns] and a row is contiguous. (GGUF files list them the other way round;
// format/gguf turns them.)
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "base/check.h"
#include "base/text.h"

namespace llmos {

// A value. At most kDimensionsMax sizes, what GGUF allows; a scalar has none.
class Shape {
 public:
  static constexpr int kDimensionsMax = 4;

  Shape() = default;
  Shape(std::initializer_list<uint64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const uint64_t> sizes) : count_(int(sizes.size())) {
    LLMOS_CHECK(sizes.size() <= size_t(kDimensionsMax)) << "a shape has at most 4 dimensions";
    for (int i = 0; i < count_; ++i) sizes_[size_t(i)] = sizes[size_t(i)];
  }

  int dimensions() const noexcept { return count_; }
  std::span<const uint64_t> sizes() const noexcept { return {sizes_.data(), size_t(count_)}; }
  uint64_t operator[](int dimension) const noexcept { return sizes_[size_t(dimension)]; }

  // The innermost size, contiguous in memory; 1 for a scalar.
  uint64_t columns() const noexcept { return count_ == 0 ? 1 : sizes_[size_t(count_ - 1)]; }
  // Everything but the innermost size; precondition: elements() has a value.
  uint64_t rows() const noexcept {
    uint64_t rows = 1;
    for (int i = 0; i + 1 < count_; ++i) rows *= sizes_[size_t(i)];
    return rows;
  }
  // nullopt beyond 64 bits.
  std::optional<uint64_t> elements() const noexcept {
    uint64_t product = 1;
    for (const uint64_t size : sizes()) {
      if (size != 0 && product > std::numeric_limits<uint64_t>::max() / size) return std::nullopt;
      product *= size;
    }
    return product;
  }

  // "[32, 64]".
  std::string to_string() const {
    Text text;
    text << '[';
    for (int i = 0; i < count_; ++i) text << (i ? ", " : "") << sizes_[size_t(i)];
    text << ']';
    return std::move(text).str();
  }

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<uint64_t, kDimensionsMax> sizes_{};
  int count_ = 0;
};

}  // namespace llmos
