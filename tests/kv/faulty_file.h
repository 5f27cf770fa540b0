// SPDX-License-Identifier: Apache-2.0
// A block file in memory that fails on demand.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kv/tier.h"

namespace llmos::test {

// The content outlives the file, so that a test can look into it and change it. Thread-safe.
struct FileContent {
  std::mutex mutex;
  std::vector<std::byte> bytes;
  uint64_t bytes_max = UINT64_MAX;  // beyond: the disk is full
  int64_t writes_left = INT64_MAX;  // then every write fails half-way
  int64_t reads_left = INT64_MAX;
};

class FaultyFile final : public BlockFile {
 public:
  explicit FaultyFile(std::shared_ptr<FileContent> content) : content_(std::move(content)) {}

  Status read_at(uint64_t offset, std::span<std::byte> into) override {
    const std::lock_guard lock(content_->mutex);
    if (content_->reads_left-- <= 0) return Status(Code::kInternal, "read: EIO");
    const auto& bytes = content_->bytes;
    if (offset > bytes.size() || into.size() > bytes.size() - offset) {
      return Status(Code::kCorrupt, "read: the file ends too early");
    }
    std::memcpy(into.data(), bytes.data() + offset, into.size());
    return Status();
  }

  Status write_at(uint64_t offset, std::span<const std::byte> from) override {
    const std::lock_guard lock(content_->mutex);
    const bool fails = content_->writes_left-- <= 0;
    const bool full = offset + from.size() > content_->bytes_max;
    const size_t done = fails || full ? from.size() / 2 : from.size();
    if (!full || offset + done <= content_->bytes_max) {
      if (content_->bytes.size() < offset + done) content_->bytes.resize(offset + done);
      std::memcpy(content_->bytes.data() + offset, from.data(), done);
    }
    if (full) return Status(Code::kExhausted, "write: ENOSPC");
    return fails ? Status(Code::kInternal, "write: EIO") : Status();
  }

  const std::string& path() const override { return path_; }

 private:
  std::shared_ptr<FileContent> content_;
  std::string path_ = "memory";
};

}  // namespace llmos::test
