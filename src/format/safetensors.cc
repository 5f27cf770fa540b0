// SPDX-License-Identifier: Apache-2.0
#include "format/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/json_cursor.h"
#include "base/text.h"

namespace llmos {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie");

constexpr size_t kShownBytesMax = 96;  // of a name in a message
constexpr std::string_view kMetadataKey = "__metadata__";

Status corrupt(const WeightFile& file, std::string_view problem) {
  return Status(Code::kCorrupt, file.name() + ": " + std::string(problem));
}

std::optional<DType> dtype_of(std::string_view name) {
  static constexpr std::pair<std::string_view, DType> kTypes[] = {
      {"F32", DType::kF32},        {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"F8_E4M3", DType::kF8E4M3}, {"F64", DType::kF64}, {"I8", DType::kI8},
      {"I16", DType::kI16},        {"I32", DType::kI32}, {"I64", DType::kI64},
      {"U8", DType::kU8},          {"BOOL", DType::kU8},
  };
  for (const auto& [known, dtype] : kTypes) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

Result<Shape> shape_of(const JsonCursor& place) {
  const Result<std::span<const Json>> items = place.items();
  if (!items.ok()) return items.status();
  if (items->size() > size_t(Shape::kDimensionsMax)) {
    return Status(Code::kUnsupported,
                  (Text() << place.path() << ": expected at most " << Shape::kDimensionsMax
                          << " dimensions, found " << items->size())
                      .str());
  }
  uint64_t sizes[Shape::kDimensionsMax] = {};
  for (size_t i = 0; i < items->size(); ++i) {
    const Result<uint64_t> size = place[i].natural();
    if (!size.ok()) return size.status();
    sizes[i] = *size;
  }
  return Shape(std::span<const uint64_t>(sizes, items->size()));
}

// One member of the header; the offset stays as the file has it, from the start of the data.
Result<TensorInfo> tensor_of(const JsonMember& member) {
  const std::string name = printable(member.key, kShownBytesMax);
  const JsonCursor place(member.value, name);
  const Result<std::string_view> type = place["dtype"].string();
  if (!type.ok()) return type.status();
  const std::optional<DType> dtype = dtype_of(*type);
  if (!dtype) {
    return Status(Code::kUnsupported,
                  "unsupported type " + printable(*type, kShownBytesMax) + " in tensor " + name);
  }
  const Result<Shape> shape = shape_of(place["shape"]);
  if (!shape.ok()) return shape.status();
  const JsonCursor offsets = place["data_offsets"];
  const Result<std::span<const Json>> pair = offsets.items();
  if (!pair.ok()) return pair.status();
  if (pair->size() != 2) return offsets.error("two offsets");
  const Result<uint64_t> begin = offsets[0].natural(), end = offsets[1].natural();
  if (!begin.ok()) return begin.status();
  if (!end.ok()) return end.status();
  const std::optional<uint64_t> bytes = tensor_bytes(*dtype, *shape);
  if (!bytes || *bytes == 0 || *end < *begin || *end - *begin != *bytes) {
    return Status(Code::kCorrupt,
                  (Text() << name << ": expected the bytes of " << shape->to_string() << " in "
                          << dtype_name(*dtype) << ", found offsets " << *begin << " to " << *end)
                      .str());
  }
  return TensorInfo{
      .name = member.key, .dtype = *dtype, .shape = *shape, .offset = *begin, .bytes = *bytes};
}

// The header's text, and where the data begins.
struct HeaderText {
  std::string text;
  uint64_t data_start = 0;
};

Result<HeaderText> read_text(const WeightFile& file) {
  uint64_t bytes = 0;
  if (file.size() < sizeof bytes) {
    return corrupt(file, "expected a safetensors file, which begins with 8 bytes of length");
  }
  Status status = file.read(0, std::as_writable_bytes(std::span(&bytes, 1)));
  if (!status.ok()) return status;
  if (bytes > file.size() - sizeof bytes) {
    return corrupt(file, (Text() << "expected a header of " << bytes << " bytes, found a file of "
                                 << file.size())
                             .str());
  }
  if (bytes > kSafetensorsHeaderBytesMax) {
    return Status(Code::kExhausted, (Text() << file.name() << ": expected a header of at most "
                                            << bytes_text(kSafetensorsHeaderBytesMax) << ", found "
                                            << bytes_text(bytes))
                                        .str());
  }
  HeaderText header{std::string(size_t(bytes), '\0'), sizeof bytes + bytes};
  status = file.read(sizeof bytes, std::as_writable_bytes(std::span(header.text)));
  if (!status.ok()) return status;
  return header;
}

// Sorts tensors by their bytes, checks that they cover the data, and turns offsets into offsets
// from the start of the file.
Status place_tensors(const WeightFile& file, std::vector<TensorInfo>& tensors, uint64_t start) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
  const uint64_t data_bytes = file.size() - start;
  uint64_t end = 0;
  for (TensorInfo& info : tensors) {
    if (info.offset != end || info.bytes > data_bytes - end) {
      return corrupt(
          file, (Text() << "tensor " << printable(info.name, kShownBytesMax)
                        << ": expected its bytes at offset " << end << " of " << data_bytes
                        << " bytes of data, found " << info.bytes << " bytes at " << info.offset)
                    .str());
    }
    end += info.bytes;
    info.offset += start;
  }
  if (end == data_bytes) return Status();
  return corrupt(file, (Text() << "expected " << end << " bytes of data, which its tensors have, "
                               << "found " << data_bytes)
                           .str());
}

Result<std::vector<TensorInfo>> read_tensors(const WeightFile& file) {
  const Result<HeaderText> header = read_text(file);
  if (!header.ok()) return header.status();
  const Result<Json> json =
      parse_json(header->text, {.bytes_max = size_t(kSafetensorsHeaderBytesMax)});
  if (!json.ok()) {
    return Status(json.status().code(), file.name() + ": header: " + json.status().message());
  }
  const auto members = JsonCursor(*json, "header").members();
  if (!members.ok()) return corrupt(file, members.status().message());
  std::vector<TensorInfo> tensors;
  tensors.reserve(members->size());
  for (const JsonMember& member : *members) {
    if (member.key == kMetadataKey) continue;
    Result<TensorInfo> info = tensor_of(member);
    if (!info.ok()) {
      const bool unsupported = info.status().code() == Code::kUnsupported;
      return Status(unsupported ? Code::kUnsupported : Code::kCorrupt,
                    file.name() + ": " + info.status().message());
    }
    tensors.push_back(*std::move(info));
  }
  const Status status = place_tensors(file, tensors, header->data_start);
  if (!status.ok()) return status;
  return tensors;
}

}  // namespace

Result<std::vector<TensorInfo>> read_safetensors(const WeightFile& file) {
  try {
    return read_tensors(file);
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, file.name() + ": out of memory for the header");
  }
}

}  // namespace llmos
