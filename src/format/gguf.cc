// SPDX-License-Identifier: Apache-2.0
#include "format/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <numeric>
#include <string>
#include <utility>

#include "base/text.h"
#include "format/ggml_type.h"

namespace llmos {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF numbers are read as they lie");

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersionMin = 2, kVersionMax = 3;
constexpr uint64_t kStepBytes = 64 << 10;  // read at least so much at once
constexpr size_t kShownBytesMax = 96;      // of a name in a message

// The fewest bytes that a key (length, one letter, type, one byte) and a tensor (length, one
// letter, dimensions, type, offset) take.
constexpr uint64_t kKeyBytesMin = 8 + 1 + 4 + 1;
constexpr uint64_t kTensorBytesMin = 8 + 1 + 4 + 4 + 8;

std::string shown(std::string_view name) { return printable(name, kShownBytesMax); }

// Reads a header from its beginning. The first failure stays: every later call does nothing and
// answers zero, so that only loops and uses of what was read ask ok().
class HeaderReader {
 public:
  HeaderReader(const WeightFile& file, const GgufLimits& limits) : file_(file), limits_(limits) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  uint64_t at() const { return at_; }
  uint64_t bytes_left() const { return file_.size() - at_; }
  const std::byte* bytes_at(uint64_t offset) const { return bytes_.data() + offset; }

  void fail(Code code, std::string_view problem) {
    if (!ok()) return;
    status_ = Status(
        code, (Text() << file_.name() << ": " << problem << " (at byte " << at_ << ')').str());
  }

  // The place of the next `size` bytes; `what` is for the message. nullptr after a failure.
  const std::byte* take(uint64_t size, std::string_view what) {
    if (!have(size, what)) return nullptr;
    const std::byte* place = bytes_.data() + at_;
    at_ += size;
    return place;
  }
  template <class T>
  T number(std::string_view what) {
    T value{};
    if (const std::byte* place = take(sizeof value, what)) {
      std::memcpy(&value, place, sizeof value);
    }
    return value;
  }
  // Valid until the next call.
  std::string_view string(uint64_t bytes_max, std::string_view what) {
    const auto size = number<uint64_t>(what);
    if (size > bytes_max) {
      fail(Code::kCorrupt, (Text() << "expected " << what << " of at most " << bytes_max
                                   << " bytes, found " << size)
                               .str());
    }
    const std::byte* place = take(size, what);
    return place ? std::string_view(reinterpret_cast<const char*>(place), size_t(size)) : "";
  }
  // A count of things that take at least `bytes_each`.
  uint64_t count(uint64_t bytes_each, uint64_t count_max, std::string_view what) {
    const auto value = number<uint64_t>(what);
    if (!check_count(value, bytes_each, what)) return 0;
    if (value > count_max) {
      fail(
          Code::kExhausted,
          (Text() << "expected at most " << count_max << ' ' << what << ", found " << value).str());
      return 0;
    }
    return value;
  }
  bool check_count(uint64_t value, uint64_t bytes_each, std::string_view what) {
    if (!ok()) return false;
    if (value <= bytes_left() / bytes_each) return true;
    fail(Code::kCorrupt,
         (Text() << "expected " << value << ' ' << what << " of at least " << bytes_each
                 << " bytes each, found a file with " << bytes_left() << " bytes left")
             .str());
    return false;
  }
  // What was read up to `end`, without a copy of the rest.
  std::vector<std::byte> release(uint64_t end) {
    bytes_.resize(size_t(end));
    bytes_.shrink_to_fit();
    return std::move(bytes_);
  }

 private:
  // Fills bytes_ up to at_ + size.
  bool have(uint64_t size, std::string_view what) {
    if (!ok()) return false;
    if (size <= bytes_.size() - at_) return true;
    if (size > bytes_left()) {
      fail(Code::kCorrupt, (Text() << "expected " << size << " bytes of " << what
                                   << ", found the end of the file after " << bytes_left())
                               .str());
      return false;
    }
    const uint64_t end_max = std::min(file_.size(), limits_.header_bytes_max);
    if (at_ > end_max || size > end_max - at_) {
      fail(Code::kExhausted, (Text() << "expected a header of at most "
                                     << bytes_text(limits_.header_bytes_max) << ", found more")
                                 .str());
      return false;
    }
    // Doubling keeps the copies of a growing buffer below its final size.
    const uint64_t end = std::max({at_ + size, uint64_t{bytes_.size()} * 2, kStepBytes});
    const size_t old_size = bytes_.size();
    bytes_.resize(size_t(std::min(end, end_max)));
    status_ = file_.read(old_size, std::span(bytes_).subspan(old_size));
    return ok();
  }

  const WeightFile& file_;
  const GgufLimits& limits_;
  std::vector<std::byte> bytes_;  // the file from its beginning
  uint64_t at_ = 0;
  Status status_;
};

// A key whose bytes may still move.
struct FoundKey {
  uint64_t key_at, key_bytes;
  GgufType type, element;
  uint64_t count;
  uint64_t value_at, value_bytes;
};

void read_version(HeaderReader& reader, GgufHeader& header) {
  const auto magic = reader.number<uint32_t>("the magic \"GGUF\"");
  if (reader.ok() && magic != kMagic) {
    return reader.fail(Code::kCorrupt, "expected the magic \"GGUF\": this is no GGUF file");
  }
  header.version = reader.number<uint32_t>("the version");
  if (!reader.ok()) return;
  if ((header.version & 0xFFFF) == 0 && header.version != 0) {
    return reader.fail(Code::kUnsupported,
                       "this is a big-endian file; convert it to little-endian, which is what "
                       "models for this machine are published as");
  }
  if (header.version < kVersionMin || header.version > kVersionMax) {
    reader.fail(Code::kUnsupported, (Text() << "expected GGUF version 2 or 3, found "
                                            << header.version << "; convert the model again")
                                        .str());
  }
}

GgufType read_type(HeaderReader& reader, std::string_view key) {
  const auto number = reader.number<uint32_t>("a value's type");
  if (number < kGgufTypeCount) return GgufType(number);
  reader.fail(Code::kCorrupt, (Text() << "key " << key << ": expected a type from 0 to "
                                      << kGgufTypeCount - 1 << ", found " << number)
                                  .str());
  return GgufType::kU8;
}

void check_booleans(HeaderReader& reader, const std::byte* place, uint64_t count,
                    std::string_view key) {
  const auto is_boolean = [](std::byte b) { return uint8_t(b) <= 1; };
  if (!place || std::all_of(place, place + count, is_boolean)) return;
  reader.fail(Code::kCorrupt,
              (Text() << "key " << key << ": expected booleans of 0 or 1, found others").str());
}

// Passes over `count` values of a type.
void skip_values(HeaderReader& reader, GgufType type, uint64_t count, std::string_view key) {
  if (type == GgufType::kString) {
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      const auto size = reader.number<uint64_t>("a string's length");
      reader.take(size, "a string");
    }
    return;
  }
  const std::byte* place = reader.take(count * gguf_type_bytes(type), "a value");
  if (type == GgufType::kBool) check_booleans(reader, place, count, key);
}

FoundKey read_key(HeaderReader& reader, const GgufLimits& limits) {
  FoundKey found{};
  const std::string_view key = reader.string(limits.name_bytes_max, "a key");
  found.key_at = reader.at() - key.size();
  found.key_bytes = key.size();
  if (key.empty()) reader.fail(Code::kCorrupt, "expected a key, found an empty one");
  const std::string name = shown(key);
  found.type = found.element = read_type(reader, name);
  found.count = 1;
  if (found.type == GgufType::kArray) {
    found.element = read_type(reader, name);
    if (found.element == GgufType::kArray) {
      reader.fail(Code::kUnsupported, "key " + name + ": arrays within arrays are not supported");
    }
    found.count = reader.number<uint64_t>("the length of an array");
    const size_t fixed = gguf_type_bytes(found.element);
    reader.check_count(found.count, fixed ? fixed : sizeof(uint64_t), "elements");
  }
  found.value_at = reader.at();
  if (reader.ok()) skip_values(reader, found.element, found.count, name);
  found.value_bytes = reader.at() - found.value_at;
  return found;
}

std::vector<GgufEntry> entries_of(const std::vector<FoundKey>& keys, const std::byte* bytes) {
  std::vector<GgufEntry> entries;
  entries.reserve(keys.size());
  for (const FoundKey& key : keys) {
    entries.push_back({
        .key = {reinterpret_cast<const char*>(bytes) + key.key_at, size_t(key.key_bytes)},
        .type = key.type,
        .element = key.element,
        .count = key.count,
        .bytes = {bytes + key.value_at, size_t(key.value_bytes)},
    });
  }
  return entries;
}

Shape read_shape(HeaderReader& reader, std::string_view name) {
  const auto dimensions = reader.number<uint32_t>("a tensor's number of dimensions");
  if (dimensions > uint32_t(Shape::kDimensionsMax)) {
    reader.fail(Code::kCorrupt,
                (Text() << "tensor " << name << ": expected at most " << Shape::kDimensionsMax
                        << " dimensions, found " << dimensions)
                    .str());
    return Shape();
  }
  uint64_t sizes[Shape::kDimensionsMax] = {};
  for (uint32_t i = dimensions; i-- > 0;) sizes[i] = reader.number<uint64_t>("a tensor's size");
  return Shape(std::span<const uint64_t>(sizes, dimensions));
}

// The tensor's type and bytes; the offset is left as the file has it, from the start of the data.
TensorInfo read_tensor(HeaderReader& reader, const GgufLimits& limits) {
  TensorInfo info;
  info.name = reader.string(limits.name_bytes_max, "a tensor's name");
  if (info.name.empty()) reader.fail(Code::kCorrupt, "expected a tensor's name, found none");
  const std::string name = shown(info.name);
  info.shape = read_shape(reader, name);
  const auto type = reader.number<uint32_t>("a tensor's type");
  info.offset = reader.number<uint64_t>("a tensor's offset");
  if (!reader.ok()) return info;
  const std::optional<DType> dtype = dtype_of_ggml(type);
  if (!dtype) {
    reader.fail(Code::kUnsupported,
                "unsupported type " + ggml_type_name(type) + " in tensor " + name);
    return info;
  }
  info.dtype = *dtype;
  const std::optional<uint64_t> bytes = tensor_bytes(info.dtype, info.shape);
  if (!bytes || *bytes == 0) {
    reader.fail(
        Code::kCorrupt,
        (Text() << "tensor " << name << ": expected rows of whole blocks of "
                << dtype_traits(info.dtype).block_elements << " and a size within 64 bits, found "
                << info.shape.to_string() << " of " << dtype_name(info.dtype))
            .str());
    return info;
  }
  info.bytes = *bytes;
  return info;
}

Result<uint64_t> alignment_of(const GgufMetadata& metadata) {
  constexpr std::string_view kKey = "general.alignment";
  // The format says a multiple of 8; every reader that pads wants a power of two.
  const Result<int64_t> value = metadata.integer_or(kKey, kGgufAlignment, 8, kGgufAlignmentMax);
  if (value.ok() && std::has_single_bit(uint64_t(*value))) return uint64_t(*value);
  const Status error = metadata.error(kKey, "a power of two from 8 to 2 MiB");
  return Status(Code::kCorrupt, error.message());
}

// Turns offsets from the start of the data, which begins at `start`, into offsets from the start of
// the file, all inside it.
Status place_tensors(const WeightFile& file, GgufHeader& header, uint64_t start) {
  for (TensorInfo& info : header.tensors) {
    const auto refuse = [&](std::string_view expected) {
      return Status(
          Code::kCorrupt,
          (Text() << file.name() << ": tensor " << shown(info.name) << ": expected " << expected
                  << ", found " << info.bytes << " bytes at offset " << info.offset
                  << " of the data, which begins at byte " << start << " of " << file.size())
              .str());
    };
    if (info.offset % header.alignment != 0) {
      return refuse((Text() << "an offset that is a multiple of " << header.alignment).str());
    }
    if (start > file.size() || info.offset > file.size() - start ||
        info.bytes > file.size() - start - info.offset) {
      return refuse("bytes inside the file");
    }
    info.offset += start;
  }
  return Status();
}

// Two tensors of one name, or over the same bytes.
Status check_distinct(const WeightFile& file, const std::vector<TensorInfo>& tensors) {
  std::vector<uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto refuse = [&](uint32_t a, uint32_t b, std::string_view problem) {
    return Status(Code::kCorrupt, (Text() << file.name() << ": tensors " << shown(tensors[a].name)
                                          << " and " << shown(tensors[b].name) << ": " << problem)
                                      .str());
  };
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (tensors[order[i - 1]].name == tensors[order[i]].name) {
      return refuse(order[i - 1], order[i], "expected every name once");
    }
  }
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return tensors[a].offset < tensors[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& before = tensors[order[i - 1]];
    if (tensors[order[i]].offset - before.offset < before.bytes) {
      return refuse(order[i - 1], order[i], "expected bytes of their own, found an overlap");
    }
  }
  return Status();
}

Result<GgufHeader> read_header(const WeightFile& file, const GgufLimits& limits) {
  GgufHeader header;
  HeaderReader reader(file, limits);
  read_version(reader, header);
  const uint64_t tensor_count = reader.count(kTensorBytesMin, limits.tensors_max, "tensors");
  const uint64_t key_count = reader.count(kKeyBytesMin, limits.keys_max, "keys");
  std::vector<FoundKey> keys;
  for (uint64_t i = 0; i < key_count && reader.ok(); ++i) {
    keys.push_back(read_key(reader, limits));
  }
  const uint64_t metadata_end = reader.at();
  for (uint64_t i = 0; i < tensor_count && reader.ok(); ++i) {
    header.tensors.push_back(read_tensor(reader, limits));
  }
  if (!reader.ok()) return reader.status();
  const uint64_t header_end = reader.at();

  std::vector<std::byte> bytes = reader.release(metadata_end);
  std::vector<GgufEntry> entries = entries_of(keys, bytes.data());
  Result<GgufMetadata> metadata =
      GgufMetadata::make(file.name(), std::move(bytes), std::move(entries));
  if (!metadata.ok()) return metadata.status();
  header.metadata = *std::move(metadata);
  const Result<uint64_t> alignment = alignment_of(header.metadata);
  if (!alignment.ok()) return alignment.status();
  header.alignment = *alignment;

  // Neither overflows: the header is within its limit, and so is the alignment.
  const uint64_t start = (header_end + header.alignment - 1) & ~(header.alignment - 1);
  if (Status status = place_tensors(file, header, start); !status.ok()) return status;
  if (Status status = check_distinct(file, header.tensors); !status.ok()) return status;
  return header;
}

}  // namespace

Result<GgufHeader> read_gguf(const WeightFile& file, const GgufLimits& limits) {
  try {
    return read_header(file, limits);
  } catch (const std::bad_alloc&) {
    return Status(Code::kExhausted, file.name() + ": out of memory for the header");
  }
}

}  // namespace llmos
