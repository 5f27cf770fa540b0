// SPDX-License-Identifier: Apache-2.0
// Checkpoint: the tensors and the description of a model, whatever files they lie in.
//
//   Result<Checkpoint> checkpoint = Checkpoint::open("model.gguf");  // or a Hugging Face directory
//   const TensorInfo* info = checkpoint->find("token_embd.weight");
//   Result<TensorView> view = checkpoint->view(*info);                // not copied
//
// Names of tensors and of metadata stay those of the format: model/ knows what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "format/gguf_metadata.h"
#include "format/tensor_info.h"
#include "format/weight_file.h"
#include "llmos/extend.h"
#include "llmos/status.h"
#include "tensor/view.h"

namespace llmos {

enum class CheckpointKind : uint8_t {
  kGguf,         // one .gguf file, or the first of a split
  kHuggingFace,  // a directory with config.json and safetensors files
};

struct CheckpointOptions {
  // Supplies the files instead of the file system; `path` then names the file or directory in it.
  WeightSource* source = nullptr;
};

// Owner    It keeps the files mapped; views live as long as it does (or any copy of it: copies
//          share the mapping).
// Threads  Every const method from any number of threads.
// Failure  kNotFound, kCorrupt, kUnsupported ("unsupported type IQ1_S in tensor output.weight")
//          with the file's name. After open() every tensor's range lies inside its file, its rows
//          are whole blocks, it has elements, and names occur once.
class Checkpoint {
 public:
  // A directory is a Hugging Face model, a file is GGUF; of a split model it is the first file.
  // "default" is the model that comes with LLMOS (default_model.h).
  static Result<Checkpoint> open(const std::string& path, const CheckpointOptions& options = {});

  CheckpointKind kind() const noexcept;
  const std::string& path() const noexcept;
  // Where its files are: tokenizer.json and others lie beside the weights.
  const WeightDirectory& directory() const noexcept;
  std::span<const std::string> files() const noexcept;  // those with weights

  // kGguf: all keys of the (first) file; empty otherwise.
  const GgufMetadata& metadata() const noexcept;
  // kHuggingFace: config.json, generation_config.json (null where it is missing); null otherwise.
  const Json& config() const noexcept;
  const Json& generation_config() const noexcept;

  std::span<const TensorInfo> tensors() const noexcept;  // in the order of the files
  const TensorInfo* find(std::string_view name) const noexcept;

  // The tensor in the mapped file or in the source's memory, aligned as its scalars want.
  // kUnsupported
  // where it is not so (old safetensors files) or the source has no memory to show: read() it.
  Result<TensorView> view(const TensorInfo& info) const;
  // Copies bytes [offset, offset + into.size()) of the tensor; kInvalid beyond its end.
  Status read(const TensorInfo& info, uint64_t offset, std::span<std::byte> into) const;
  // A hint that the tensor will be read soon, or not for long. Harmless when it cannot be followed.
  void will_need(const TensorInfo& info) const noexcept;
  void dont_need(const TensorInfo& info) const noexcept;

 private:
  struct Impl;
  explicit Checkpoint(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace llmos
