// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_split.h"

#include <cctype>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

constexpr std::string_view kIndexKey = "split.no", kCountKey = "split.count",
                           kTensorsKey = "split.tensors.count";

// "-00002-of-00003.gguf" of (1, 3).
std::string suffix_of(int64_t index, int64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05lld-of-%05lld.gguf", static_cast<long long>(index + 1),
                static_cast<long long>(count));
  return text;
}

struct SplitKeys {
  int64_t index = 0;
  int64_t count = 1;
  int64_t tensors = 0;  // in all files
};

Result<SplitKeys> split_keys(const GgufMetadata& metadata) {
  SplitKeys keys;
  if (!metadata.has(kCountKey)) return keys;
  const auto count = metadata.integer(kCountKey, 0, kGgufFilesMax);
  if (!count.ok()) return count.status();
  if (*count <= 1) return keys;
  const auto index = metadata.integer(kIndexKey, 0, *count - 1);
  if (!index.ok()) return index.status();
  const auto tensors = metadata.integer(kTensorsKey, 0);
  if (!tensors.ok()) return tensors.status();
  return SplitKeys{*index, *count, *tensors};
}

void add_file(GgufModel& model, WeightFile file, std::vector<TensorInfo> tensors) {
  const auto index = uint32_t(model.files.size());
  for (TensorInfo& info : tensors) {
    info.file = index;
    model.tensors.push_back(std::move(info));
  }
  model.files.push_back(std::move(file));
}

// Opens file `index` of a split and adds it.
Status add_split_file(GgufModel& model, const WeightDirectory& directory, const std::string& name,
                      const SplitKeys& first, int64_t index) {
  Result<WeightFile> file = directory.open(name);
  if (!file.ok()) return file.status();
  Result<GgufHeader> header = read_gguf(*file);
  if (!header.ok()) return header.status();
  const Result<SplitKeys> keys = split_keys(header->metadata);
  if (!keys.ok()) return keys.status();
  if (keys->index != index || keys->count != first.count) {
    return Status(Code::kCorrupt, (Text() << file->name() << ": expected file " << index + 1
                                          << " of a split of " << first.count << ", found file "
                                          << keys->index + 1 << " of " << keys->count)
                                      .str());
  }
  add_file(model, *std::move(file), std::move(header->tensors));
  return Status();
}

}  // namespace

std::string gguf_split_name(const std::string& name, int64_t index, int64_t count) {
  const size_t suffix_bytes = suffix_of(0, count).size();
  if (name.size() < suffix_bytes) return "";
  const size_t prefix_bytes = name.size() - suffix_bytes;
  const std::string found = name.substr(prefix_bytes);
  for (int64_t i = 0; i < count; ++i) {
    if (found == suffix_of(i, count)) return name.substr(0, prefix_bytes) + suffix_of(index, count);
  }
  return "";
}

Result<GgufModel> open_gguf(const WeightDirectory& directory, const std::string& name) {
  Result<WeightFile> file = directory.open(name);
  if (!file.ok()) return file.status();
  Result<GgufHeader> header = read_gguf(*file);
  if (!header.ok()) return header.status();
  const Result<SplitKeys> keys = split_keys(header->metadata);
  if (!keys.ok()) return keys.status();
  const std::string first_name =
      keys->count > 1 ? gguf_split_name(name, 0, keys->count) : std::string(name);
  if (first_name.empty()) {
    return Status(Code::kInvalid, (Text() << file->name() << ": expected a name that ends in \""
                                          << suffix_of(keys->index, keys->count)
                                          << "\", for this file is part of a split; give it the "
                                             "name that it was published with")
                                      .str());
  }
  if (keys->index != 0) {
    return Status(Code::kInvalid,
                  (Text() << file->name() << " is file " << keys->index + 1 << " of a split of "
                          << keys->count << "; open the first, " << directory.path_of(first_name))
                      .str());
  }

  GgufModel model;
  model.metadata = std::move(header->metadata);
  add_file(model, *std::move(file), std::move(header->tensors));
  for (int64_t i = 1; i < keys->count; ++i) {
    const std::string next = gguf_split_name(name, i, keys->count);
    const Status status = add_split_file(model, directory, next, *keys, i);
    if (!status.ok()) return status;
  }
  if (keys->count > 1 && model.tensors.size() != uint64_t(keys->tensors)) {
    return Status(Code::kCorrupt, (Text() << model.files[0].name() << ": expected " << keys->tensors
                                          << " tensors in all files of the split, "
                                          << "found " << model.tensors.size())
                                      .str());
  }
  return model;
}

}  // namespace llmos
