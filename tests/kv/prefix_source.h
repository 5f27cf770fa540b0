// SPDX-License-Identifier: Apache-2.0
// A prefix cache file in memory.
#pragma once

#include <cstring>
#include <span>

#include "kv/prefix_file.h"

namespace llmos::test {

class MemorySource final : public PrefixSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_(bytes) {}
  Status read(std::span<std::byte> into) override {
    if (into.size() > bytes_.size()) return Status(Code::kCorrupt, "the file ends too early");
    if (!into.empty()) std::memcpy(into.data(), bytes_.data(), into.size());
    bytes_ = bytes_.subspan(into.size());
    return Status();
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace llmos::test
