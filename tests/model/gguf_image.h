// SPDX-License-Identifier: Apache-2.0
// A GGUF file in memory that a test can change before a model is read from it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/checkpoint.h"
#include "format/gguf_writer.h"

namespace llmos::test {

class GgufImage {
 public:
  GgufOutline keys;  // without tensors

  GgufImage() = default;
  // A copy of a file. Aborts when it cannot be read.
  explicit GgufImage(const std::string& path) {
    const Checkpoint checkpoint = Checkpoint::open(path).value();
    for (const GgufEntry& entry : checkpoint.metadata().entries()) keys.set(entry);
    for (const TensorInfo& info : checkpoint.tensors()) {
      std::string bytes(info.bytes, '\0');
      if (!checkpoint.read(info, 0, std::as_writable_bytes(std::span(bytes))).ok()) std::abort();
      add(info.name, info.dtype, info.shape, std::move(bytes));
    }
  }

  void add(std::string name, DType dtype, const Shape& shape, std::string bytes) {
    tensors_.push_back({std::move(name), dtype, shape, std::move(bytes)});
  }
  // A tensor of zeros.
  void add(std::string name, DType dtype, const Shape& shape) {
    const uint64_t row = llmos::row_bytes(dtype, shape.columns()).value();
    add(std::move(name), dtype, shape, std::string(row * shape.rows(), '\0'));
  }
  void remove(std::string_view name) {
    std::erase_if(tensors_, [&](const Tensor& tensor) { return tensor.name == name; });
  }
  void replace(std::string_view name, DType dtype, const Shape& shape) {
    remove(name);
    add(std::string(name), dtype, shape);
  }

  std::string bytes() const {
    GgufOutline outline = keys;
    for (const Tensor& tensor : tensors_) {
      if (!outline.add_tensor(tensor.name, tensor.dtype, tensor.shape).ok()) std::abort();
    }
    std::string file = outline.header();
    for (const Tensor& tensor : tensors_) {
      file += tensor.bytes;
      file.resize((file.size() + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment);
    }
    return file;
  }

 private:
  struct Tensor {
    std::string name;
    DType dtype;
    Shape shape;
    std::string bytes;
  };
  std::vector<Tensor> tensors_;
};

}  // namespace llmos::test
