// SPDX-License-Identifier: Apache-2.0
#include "api/model_digest.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kv/checksum.h"

namespace llmos {
namespace {

// Of each tensor: enough to tell trainings apart, one page of the file.
constexpr uint64_t kSampleBytes = 4096;

class Mixer {
 public:
  void add(std::span<const std::byte> bytes) {
    for (uint64_t& lane : lanes_) lane = checksum64(bytes, lane);
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void add(uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  ModelDigest digest() const {
    ModelDigest digest;
    static_assert(sizeof digest == sizeof lanes_);
    std::memcpy(digest.data(), lanes_.data(), sizeof digest);
    return digest;
  }

 private:
  std::array<uint64_t, 4> lanes_{1, 2, 3, 4};  // four seeds
};

}  // namespace

Result<ModelDigest> model_digest(const Checkpoint& checkpoint, std::string_view kernel_set,
                                 DType kv_dtype) {
  Mixer mixer;
  mixer.add(kernel_set);
  mixer.add(uint64_t(kv_dtype));
  mixer.add(checkpoint.config().dump());
  for (const GgufEntry& entry : checkpoint.metadata().entries()) {
    mixer.add(entry.key);
    mixer.add(entry.bytes);
  }
  std::array<std::byte, kSampleBytes> room;
  for (const TensorInfo& info : checkpoint.tensors()) {
    mixer.add(info.name);
    mixer.add(uint64_t(info.dtype));
    for (const uint64_t size : info.shape.sizes()) mixer.add(size);
    const auto sample = std::span(room).first(size_t(std::min(info.bytes, kSampleBytes)));
    if (Status status = checkpoint.read(info, 0, sample); !status.ok()) return status;
    mixer.add(sample);
  }
  return mixer.digest();
}

}  // namespace llmos
