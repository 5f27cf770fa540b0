// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "format/ggml_type.h"

namespace llmos {
namespace {

constexpr uint32_t kVersion = 3;
constexpr size_t kShownBytesMax = 96;  // of a name in a message
constexpr std::string_view kAlignmentKey = "general.alignment";

uint64_t padding_of(uint64_t bytes, uint64_t alignment) {
  return (alignment - bytes % alignment) % alignment;
}

}  // namespace

GgufOutline::GgufOutline(uint64_t alignment) : alignment_(alignment) {
  LLMOS_CHECK(alignment >= 8 && alignment <= kGgufAlignmentMax && std::has_single_bit(alignment))
      << "alignment " << alignment;
  if (alignment != kGgufAlignment) set(kAlignmentKey, uint32_t(alignment));
}

void GgufOutline::set_bytes(std::string_view key, GgufType type, std::string_view bytes) {
  LLMOS_CHECK(!key.empty());
  const auto [place, added] = index_.try_emplace(std::string(key), values_.size());
  if (added) values_.push_back({std::string(key), {}});
  values_[place->second].bytes = number_bytes(uint32_t(type)) + std::string(bytes);
}

void GgufOutline::set_array_bytes(std::string_view key, GgufType element, uint64_t count,
                                  std::string_view bytes) {
  set_bytes(key, GgufType::kArray,
            number_bytes(uint32_t(element)) + number_bytes(count) + std::string(bytes));
}

void GgufOutline::set(std::string_view key, std::string_view value) {
  set_bytes(key, GgufType::kString, string_bytes(value));
}

void GgufOutline::set_array(std::string_view key, std::span<const std::string> values) {
  std::string bytes;
  for (const std::string& value : values) bytes += string_bytes(value);
  set_array_bytes(key, GgufType::kString, values.size(), bytes);
}

void GgufOutline::set(const GgufEntry& entry) {
  if (entry.key == kAlignmentKey) return;  // this outline has its own
  const std::string_view bytes(reinterpret_cast<const char*>(entry.bytes.data()),
                               entry.bytes.size());
  if (entry.is_array()) {
    set_array_bytes(entry.key, entry.element, entry.count, bytes);
  } else {
    set_bytes(entry.key, entry.type, bytes);
  }
}

void GgufOutline::remove(std::string_view key) {
  const auto place = index_.find(key);
  if (place == index_.end()) return;
  const size_t removed = place->second;
  values_.erase(values_.begin() + ptrdiff_t(removed));
  index_.erase(place);
  for (auto& [name, index] : index_) index -= index > removed ? 1 : 0;
}

Status GgufOutline::add_tensor(std::string_view name, DType dtype, const Shape& shape) {
  const auto refuse = [&](std::string_view problem) {
    return Status(Code::kInvalid, (Text() << "tensor " << printable(name, kShownBytesMax) << ' '
                                          << shape.to_string() << ": " << problem)
                                      .str());
  };
  if (name.empty()) return refuse("expected a name");
  if (!ggml_of_dtype(dtype)) {
    return refuse((Text() << "expected a type of GGUF, found " << dtype_name(dtype)).str());
  }
  const std::optional<uint64_t> bytes = tensor_bytes(dtype, shape);
  if (!bytes || *bytes == 0 || *bytes > uint64_t(INT64_MAX) - data_bytes_ - alignment_) {
    return refuse((Text() << "expected elements, and rows of whole blocks of "
                          << dtype_traits(dtype).block_elements << " for " << dtype_name(dtype))
                      .str());
  }
  if (!names_.emplace(name).second) return refuse("expected a name that is not there yet");
  tensors_.push_back({.name = std::string(name),
                      .dtype = dtype,
                      .shape = shape,
                      .offset = data_bytes_,
                      .bytes = *bytes});
  data_bytes_ += *bytes + padding_of(*bytes, alignment_);
  return Status();
}

std::string GgufOutline::header() const {
  std::string out = "GGUF";
  out += number_bytes(kVersion);
  out += number_bytes(uint64_t{tensors_.size()}) + number_bytes(uint64_t{values_.size()});
  for (const Value& value : values_) out += string_bytes(value.key) + value.bytes;
  for (const TensorInfo& info : tensors_) {
    out += string_bytes(info.name) + number_bytes(uint32_t(info.shape.dimensions()));
    for (int i = info.shape.dimensions(); i-- > 0;) out += number_bytes(info.shape[i]);
    out += number_bytes(*ggml_of_dtype(info.dtype)) + number_bytes(info.offset);
  }
  out.append(padding_of(out.size(), alignment_), '\0');
  return out;
}

Result<GgufWriter> GgufWriter::create(const std::string& path, GgufOutline outline) {
  Result<os::AtomicFile> output = os::AtomicFile::create(path);
  if (!output.ok()) return output.status();
  if (Status status = output->file().write(outline.header()); !status.ok()) return status;
  return GgufWriter(*std::move(output), std::move(outline));
}

Status GgufWriter::pad_tensor() {
  const std::string zeros(padding_of(bytes_, outline_.alignment()), '\0');
  bytes_ = 0;
  ++tensor_;
  return zeros.empty() ? Status() : output_.file().write(zeros);
}

Status GgufWriter::write(std::span<const std::byte> bytes) {
  const std::span<const TensorInfo> tensors = outline_.tensors();
  while (!bytes.empty()) {
    if (tensor_ == tensors.size()) {
      return Status(Code::kInvalid, (Text() << "expected no more data than the outline's tensors, "
                                               "found "
                                            << bytes.size() << " bytes more")
                                        .str());
    }
    const uint64_t rest = tensors[tensor_].bytes - bytes_;
    const auto part = bytes.first(size_t(std::min<uint64_t>(rest, bytes.size())));
    if (Status status = output_.file().write(part); !status.ok()) return status;
    bytes = bytes.subspan(part.size());
    bytes_ += part.size();
    if (part.size() < rest) break;
    if (Status status = pad_tensor(); !status.ok()) return status;
  }
  return Status();
}

Status GgufWriter::finish() {
  const std::span<const TensorInfo> tensors = outline_.tensors();
  if (tensor_ < tensors.size()) {
    return Status(Code::kInvalid,
                  (Text() << "expected the bytes of " << tensors.size() << " tensors, found "
                          << bytes_ << " of the " << tensors[tensor_].bytes << " bytes of "
                          << printable(tensors[tensor_].name, kShownBytesMax))
                      .str());
  }
  return output_.commit();
}

}  // namespace llmos
