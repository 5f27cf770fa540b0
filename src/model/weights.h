// SPDX-License-Identifier: Apache-2.0
// Weights: a model's weights in memory, each part in its place in the anatomy.
//
//   Result<ModelFile> file = read_model(checkpoint);
//   Result<Weights> weights = Weights::load(checkpoint, *file, device);
//   weights->parts().layers[3].query.weight      // a kernels::Matrix [heads * head_dim, dim]
//
// Matrices are views into the mapped files wherever that is possible, so loading a model costs
// little and a model larger than memory can still be used. Repacked ones are interleaved for the
// device's kernel set, tensor by tensor in windows of kWindowBytes, and what was read of the file
// is given back behind. Copied are: norms and biases (as f32),
// matrices that are stored transposed, with alternating rows or in pieces, those that are not
// aligned, and everything of a source that has no memory to show.
#pragma once

#include <cstdint>

#include "device/device.h"
#include "llmos/extend.h"
#include "model/weight_layout.h"

namespace llmos {

struct WeightBytes {
  uint64_t mapped = 0;
  uint64_t copied = 0;
  uint64_t repacked = 0;  // of the copied
};

// Move-only. Keeps the checkpoint's files open. Threads: any, once loaded.
class Weights {
 public:
  // Failure: as WeightLayout::create(); kCancelled when `progress` says so; kExhausted when the
  // device has no room for the copies; what reading a file answers.
  static Result<Weights> load(const Checkpoint& checkpoint, const ModelFile& file,
                              ComputeDevice& device, LoadProgress* progress = nullptr,
                              bool repack = false);
  // What load() would map and copy; reads no weight. With a kernel set: repacked for it.
  static Result<WeightBytes> measure(const Checkpoint& checkpoint, const ModelFile& file,
                                     const kernels::KernelTable* packing = nullptr);

  // Of the file's form, at most so much is in memory beside its packed copy: a few rows of the
  // largest models, and long enough to keep a team busy between two awakenings.
  static constexpr uint64_t kWindowBytes = uint64_t{16} << 20;

  const ModelWeights& parts() const noexcept { return parts_; }
  const WeightBytes& bytes() const noexcept { return bytes_; }

 private:
  explicit Weights(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  Checkpoint checkpoint_;
  Buffer copies_;
  ModelWeights parts_;
  WeightBytes bytes_;
};

}  // namespace llmos
