// SPDX-License-Identifier: Apache-2.0
// The files of a model and their bytes, wherever they come from: mapped from the file system, lying
// in a host's memory, or read through the host's WeightSource.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/os_file.h"
#include "llmos/extend.h"
#include "llmos/status.h"

namespace llmos {

// The bytes of one file. Move-only.
//
// Owner    It owns its mapping, and nothing of a source: that outlives it.
// Threads  Every const method from any number of threads.
// Failure  A range outside of the file is kCorrupt, whatever the numbers: a format's offsets may be
//          passed unchecked. Errors of a source pass through, with the file's name before them.
class WeightFile {
 public:
  static Result<WeightFile> map(const std::string& path);
  static Result<WeightFile> of_source(WeightSource& source, const std::string& name);

  const std::string& name() const noexcept { return name_; }
  uint64_t size() const noexcept { return size_; }
  // Whether view() can answer: the file is mapped or lies in the source's memory.
  bool in_memory() const noexcept { return source_ == nullptr || memory_.data() != nullptr; }

  // The range itself, not copied; it lives as long as this file. kUnsupported unless in_memory().
  Result<std::span<const std::byte>> view(uint64_t offset, uint64_t size) const;
  // Copies into.size() bytes from `offset`.
  Status read(uint64_t offset, std::span<std::byte> into) const;
  // A hint for a range; nothing happens where there is no mapping.
  void advise(os::Access access, uint64_t offset, uint64_t size) const noexcept;

 private:
  WeightFile(std::string name, uint64_t size, std::optional<os::MappedFile> mapping,
             WeightSource* source, std::span<const std::byte> memory)
      : name_(std::move(name)),
        size_(size),
        mapping_(std::move(mapping)),
        source_(source),
        memory_(memory) {}
  Status check_range(uint64_t offset, uint64_t size) const;

  std::string name_;
  uint64_t size_;
  std::optional<os::MappedFile> mapping_;
  WeightSource* source_;               // null: mapped
  std::span<const std::byte> memory_;  // of the mapping or the source; empty: read()
};

// Where the files of one model are: a directory, in the file system or in a source.
//
// A value; the source outlives it. Threads: any number.
class WeightDirectory {
 public:
  // `source` null: the file system. "" is the current directory, or the source's root.
  explicit WeightDirectory(std::string path, WeightSource* source = nullptr)
      : path_(std::move(path)), source_(source) {}

  const std::string& path() const noexcept { return path_; }
  // The path of a file in it.
  std::string path_of(const std::string& name) const;

  // Maps it, or takes it from the source. kNotFound where there is none.
  Result<WeightFile> open(const std::string& name) const;
  // The whole file, at most `bytes_max` (kExhausted beyond).
  Result<std::string> read(const std::string& name, size_t bytes_max) const;

 private:
  std::string path_;
  WeightSource* source_;
};

// Splits "models/a.gguf" into the directory "models" and the name "a.gguf".
struct WeightPath {
  WeightDirectory directory;
  std::string name;
};
WeightPath split_path(const std::string& path, WeightSource* source = nullptr);

}  // namespace llmos
