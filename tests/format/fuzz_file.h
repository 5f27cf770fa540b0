// SPDX-License-Identifier: Apache-2.0
// What every reader of model files owes, whatever the bytes: shared by the fuzzers.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "format/checkpoint.h"

namespace llmos::test {

// A refusal says why, in few words, and is never a defect of ours.
inline void check_refusal(const Status& status) {
  constexpr size_t kMessageMax = 700;
  LLMOS_CHECK(status.code() != Code::kInternal && !status.ok()) << status.to_string();
  LLMOS_CHECK(!status.message().empty() && status.message().size() < kMessageMax)
      << status.message();
  for (const char c : status.message()) LLMOS_CHECK(uint8_t(c) >= 0x20) << status.message();
}

// Every tensor of a checkpoint whose files lie in memory can be found, viewed and read.
inline void check_tensors(const Checkpoint& checkpoint) {
  for (const TensorInfo& info : checkpoint.tensors()) {
    LLMOS_CHECK(checkpoint.find(info.name) == &info) << info.name;
    LLMOS_CHECK(info.bytes > 0 && tensor_bytes(info.dtype, info.shape) == info.bytes) << info.name;
    const Result<TensorView> view = checkpoint.view(info);
    LLMOS_CHECK(view.ok()) << view.status().to_string();
    LLMOS_CHECK(view->bytes() == info.bytes) << info.name;
    std::vector<std::byte> copy(size_t(info.bytes));
    LLMOS_CHECK(checkpoint.read(info, 0, copy).ok());
    LLMOS_CHECK(std::memcmp(copy.data(), view->data, copy.size()) == 0) << info.name;
  }
}

}  // namespace llmos::test
