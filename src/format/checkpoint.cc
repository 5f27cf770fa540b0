// SPDX-License-Identifier: Apache-2.0
#include "format/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <numeric>
#include <utility>

#include "base/text.h"
#include "format/default_model.h"
#include "format/gguf_split.h"
#include "format/hf_directory.h"

namespace llmos {

struct Checkpoint::Impl {
  Impl(std::string name, WeightDirectory place)
      : path(std::move(name)), directory(std::move(place)) {}

  CheckpointKind kind = CheckpointKind::kGguf;
  std::string path;
  WeightDirectory directory;
  std::vector<WeightFile> files;
  std::vector<std::string> names;  // of files
  GgufMetadata metadata;
  Json config, generation_config;
  std::vector<TensorInfo> tensors;
  std::vector<uint32_t> by_name;  // indices of tensors, sorted by name

  Status read_gguf(const std::string& name);
  Status read_hf();
  Status index_names();
};

namespace {

constexpr size_t kShownBytesMax = 96;  // of a name in a message

Result<bool> names_file(const std::string& path, WeightSource* source) {
  if (!source) {
    std::error_code ignored;
    return !std::filesystem::is_directory(path, ignored);
  }
  if (path.ends_with(".gguf")) return true;
  const Result<uint64_t> size = source->size(path);
  if (!size.ok() && size.status().code() != Code::kNotFound)
    return Status(size.status().code(), path + ": " + size.status().message());
  return size.ok();
}

// People open these; what they mean is the directory.
bool is_part_of_directory(const std::string& name) {
  return name.ends_with(".safetensors") || name.ends_with(".json");
}

}  // namespace

Status Checkpoint::Impl::index_names() {
  for (const WeightFile& file : files) names.push_back(file.name());
  by_name.resize(tensors.size());
  std::iota(by_name.begin(), by_name.end(), 0u);
  std::sort(by_name.begin(), by_name.end(),
            [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
  const auto twin = std::adjacent_find(by_name.begin(), by_name.end(), [&](uint32_t a, uint32_t b) {
    return tensors[a].name == tensors[b].name;
  });
  if (twin == by_name.end()) return Status();
  const TensorInfo &a = tensors[twin[0]], &b = tensors[twin[1]];
  return Status(Code::kCorrupt, (Text() << path << ": expected every tensor once, found "
                                        << printable(a.name, kShownBytesMax) << " in "
                                        << names[a.file] << " and in " << names[b.file])
                                    .str());
}

Status Checkpoint::Impl::read_gguf(const std::string& name) {
  Result<GgufModel> model = open_gguf(directory, name);
  if (!model.ok()) return model.status();
  kind = CheckpointKind::kGguf;
  files = std::move(model->files);
  metadata = std::move(model->metadata);
  tensors = std::move(model->tensors);
  return index_names();
}

Status Checkpoint::Impl::read_hf() {
  Result<HfModel> model = open_hf_directory(directory);
  if (!model.ok()) return model.status();
  kind = CheckpointKind::kHuggingFace;
  config = std::move(model->config);
  generation_config = std::move(model->generation_config);
  files = std::move(model->files);
  tensors = std::move(model->tensors);
  return index_names();
}

Result<Checkpoint> Checkpoint::open(const std::string& path, const CheckpointOptions& options) {
  try {
    const Result<ModelPlace> at = find_model(path, options.source);
    if (!at.ok()) return at.status();
    const Result<bool> is_file = names_file(at->path, at->source);
    if (!is_file.ok()) return is_file.status();
    const WeightPath place = *is_file ? split_path(at->path, at->source)
                                      : WeightPath{WeightDirectory(at->path, at->source), ""};
    auto impl = std::make_shared<Impl>(path, place.directory);
    if (is_part_of_directory(place.name)) {
      return Status(Code::kInvalid, path +
                                        ": expected a .gguf file or a directory; open the "
                                        "directory that holds config.json");
    }
    const Status status = place.name.empty() ? impl->read_hf() : impl->read_gguf(place.name);
    if (!status.ok()) return status;
    return Checkpoint(std::move(impl));
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, path + ": out of memory");
  }
}

CheckpointKind Checkpoint::kind() const noexcept { return impl_->kind; }
const std::string& Checkpoint::path() const noexcept { return impl_->path; }
const WeightDirectory& Checkpoint::directory() const noexcept { return impl_->directory; }
std::span<const std::string> Checkpoint::files() const noexcept { return impl_->names; }
const GgufMetadata& Checkpoint::metadata() const noexcept { return impl_->metadata; }
const Json& Checkpoint::config() const noexcept { return impl_->config; }
const Json& Checkpoint::generation_config() const noexcept { return impl_->generation_config; }
std::span<const TensorInfo> Checkpoint::tensors() const noexcept { return impl_->tensors; }

const TensorInfo* Checkpoint::find(std::string_view name) const noexcept {
  const std::vector<TensorInfo>& tensors = impl_->tensors;
  const auto place = std::lower_bound(
      impl_->by_name.begin(), impl_->by_name.end(), name,
      [&](uint32_t index, std::string_view wanted) { return tensors[index].name < wanted; });
  if (place == impl_->by_name.end() || tensors[*place].name != name) return nullptr;
  return &tensors[*place];
}

Result<TensorView> Checkpoint::view(const TensorInfo& info) const {
  const Result<std::span<const std::byte>> bytes =
      impl_->files[info.file].view(info.offset, info.bytes);
  if (!bytes.ok()) return bytes.status();
  if (reinterpret_cast<uintptr_t>(bytes->data()) % scalar_alignment(info.dtype) != 0) {
    return Status(Code::kUnsupported,
                  (Text() << impl_->names[info.file] << ": tensor "
                          << printable(info.name, kShownBytesMax) << " is not aligned to its "
                          << dtype_name(info.dtype) << "; read the bytes instead")
                      .str());
  }
  return TensorView{bytes->data(), info.dtype, info.shape};
}

Status Checkpoint::read(const TensorInfo& info, uint64_t offset, std::span<std::byte> into) const {
  if (offset > info.bytes || into.size() > info.bytes - offset) {
    return Status(Code::kInvalid, (Text() << "expected a range within the " << info.bytes
                                          << " bytes of " << printable(info.name, kShownBytesMax)
                                          << ", found " << into.size() << " at " << offset)
                                      .str());
  }
  return impl_->files[info.file].read(info.offset + offset, into);
}

void Checkpoint::will_need(const TensorInfo& info) const noexcept {
  impl_->files[info.file].advise(os::Access::kWillNeed, info.offset, info.bytes);
}

void Checkpoint::dont_need(const TensorInfo& info) const noexcept {
  impl_->files[info.file].advise(os::Access::kDontNeed, info.offset, info.bytes);
}

}  // namespace llmos
