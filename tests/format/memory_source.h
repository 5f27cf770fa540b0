// SPDX-License-Identifier: Apache-2.0
// A WeightSource of files in memory, which can fail at a chosen call.
#pragma once

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "llmos/extend.h"

namespace llmos::test {

class MemorySource : public WeightSource {
 public:
  enum class Mode {
    kRead,      // no memory to show
    kInMemory,  // files shown where they lie
  };
  explicit MemorySource(Mode mode = Mode::kRead) : mode_(mode) {}

  void add(const std::string& name, std::string_view content) {
    const size_t bytes = (content.size() + 63) / 64 * 64 + 64;  // aligned_alloc wants a multiple
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(64, bytes));
    if (!content.empty()) std::memcpy(memory, content.data(), content.size());
    files_[name] = {std::unique_ptr<std::byte, Free>(memory), content.size()};
  }
  // Call number `call` (from 0) of size() and read() fails.
  void fail_at(int call) { fail_at_ = call; }
  int calls() const { return calls_; }

  Result<uint64_t> size(const std::string& name) override {
    if (calls_++ == fail_at_) return Status(Code::kDenied, "the source is gone");
    const auto file = files_.find(name);
    if (file == files_.end()) return Status(Code::kNotFound, "no such file");
    return uint64_t{file->second.bytes};
  }
  Status read(const std::string& name, uint64_t offset, std::span<std::byte> into) override {
    if (calls_++ == fail_at_) return Status(Code::kDenied, "the source is gone");
    const File& file = files_.at(name);
    if (offset > file.bytes || into.size() > file.bytes - offset) std::abort();  // broken contract
    std::memcpy(into.data(), file.memory.get() + offset, into.size());
    return Status();
  }
  std::span<const std::byte> in_memory(const std::string& name) override {
    const auto file = files_.find(name);
    if (mode_ == Mode::kRead || file == files_.end()) return {};
    return {file->second.memory.get(), file->second.bytes};
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  struct File {
    std::unique_ptr<std::byte, Free> memory;
    size_t bytes = 0;
  };
  Mode mode_;
  std::map<std::string, File> files_;
  int fail_at_ = -1;
  int calls_ = 0;
};

}  // namespace llmos::test
