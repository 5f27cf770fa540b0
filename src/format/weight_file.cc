// SPDX-License-Identifier: Apache-2.0
#include "format/weight_file.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

constexpr uintptr_t kMemoryAlignment = 64;  // what WeightSource::in_memory promises

Status in_file(const std::string& name, const Status& status) {
  if (status.ok()) return status;
  return Status(status.code(), name + ": " + status.message());
}

Status invalid_source(const std::string& name, std::string_view problem) {
  return Status(Code::kInvalid,
                (Text() << name << ": WeightSource::in_memory(): expected " << problem).str());
}

}  // namespace

Result<WeightFile> WeightFile::map(const std::string& path) {
  Result<os::MappedFile> mapping = os::MappedFile::open(path);
  if (!mapping.ok()) return mapping.status();
  const std::span<const std::byte> memory = mapping->bytes();
  return WeightFile(path, memory.size(), *std::move(mapping), nullptr, memory);
}

Result<WeightFile> WeightFile::of_source(WeightSource& source, const std::string& name) {
  const Result<uint64_t> size = source.size(name);
  if (!size.ok()) return in_file(name, size.status());
  const std::span<const std::byte> memory = source.in_memory(name);
  if (memory.data() != nullptr && memory.size() != *size) {
    return invalid_source(
        name, (Text() << "the " << *size << " bytes of size(), found " << memory.size()).str());
  }
  if (reinterpret_cast<uintptr_t>(memory.data()) % kMemoryAlignment != 0) {
    return invalid_source(name, "memory aligned to 64 bytes, found less");
  }
  return WeightFile(name, *size, std::nullopt, &source, memory);
}

Status WeightFile::check_range(uint64_t offset, uint64_t size) const {
  if (offset <= size_ && size <= size_ - offset) return Status();
  return Status(Code::kCorrupt, (Text() << name_ << ": expected " << size << " bytes at offset "
                                        << offset << ", found a file of " << size_ << " bytes")
                                    .str());
}

Result<std::span<const std::byte>> WeightFile::view(uint64_t offset, uint64_t size) const {
  if (Status status = check_range(offset, size); !status.ok()) return status;
  if (!in_memory()) {
    return Status(Code::kUnsupported,
                  name_ + ": the source has no memory to show; read the bytes instead");
  }
  return memory_.subspan(size_t(offset), size_t(size));
}

Status WeightFile::read(uint64_t offset, std::span<std::byte> into) const {
  if (Status status = check_range(offset, into.size()); !status.ok()) return status;
  if (into.empty()) return Status();
  if (!in_memory()) return in_file(name_, source_->read(name_, offset, into));
  std::memcpy(into.data(), memory_.data() + offset, into.size());
  return Status();
}

void WeightFile::advise(os::Access access, uint64_t offset, uint64_t size) const noexcept {
  if (mapping_) mapping_->advise(access, offset, size);
}

std::string WeightDirectory::path_of(const std::string& name) const {
  if (path_.empty() || path_.back() == '/') return path_ + name;
  return path_ + '/' + name;
}

Result<WeightFile> WeightDirectory::open(const std::string& name) const {
  const std::string path = path_of(name);
  return source_ ? WeightFile::of_source(*source_, path) : WeightFile::map(path);
}

Result<std::string> WeightDirectory::read(const std::string& name, size_t bytes_max) const {
  if (!source_) return os::read_file(path_of(name), bytes_max);
  const Result<WeightFile> file = open(name);
  if (!file.ok()) return file.status();
  bytes_max = std::min(bytes_max, std::string().max_size());
  if (file->size() > bytes_max) {
    return Status(Code::kExhausted,
                  (Text() << file->name() << ": expected at most " << bytes_text(bytes_max)
                          << ", found " << bytes_text(file->size()))
                      .str());
  }
  try {
    std::string content(size_t(file->size()), '\0');
    const Status status = file->read(0, std::as_writable_bytes(std::span(content)));
    if (!status.ok()) return status;
    return content;
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, file->name() + ": out of memory");
  }
}

WeightPath split_path(const std::string& path, WeightSource* source) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return {WeightDirectory("", source), path};
  return {WeightDirectory(path.substr(0, slash + 1), source), path.substr(slash + 1)};
}

}  // namespace llmos
