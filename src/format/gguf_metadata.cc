// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_metadata.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

struct TypeTraits {
  std::string_view name;
  size_t bytes;
};

// In the order of GgufType.
constexpr std::array<TypeTraits, kGgufTypeCount> kTypes{{
    {"u8", 1},
    {"i8", 1},
    {"u16", 2},
    {"i16", 2},
    {"u32", 4},
    {"i32", 4},
    {"f32", 4},
    {"boolean", 1},
    {"string", 0},
    {"array", 0},
    {"u64", 8},
    {"i64", 8},
    {"f64", 8},
}};

constexpr size_t kShownBytesMax = 64;  // of a key or string in a message

template <class Stored>
Stored stored(const std::byte* at) noexcept {
  Stored value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
T load(const std::byte* at, GgufType type) noexcept {
  switch (type) {
    case GgufType::kU8:
      return T(stored<uint8_t>(at));
    case GgufType::kI8:
      return T(stored<int8_t>(at));
    case GgufType::kU16:
      return T(stored<uint16_t>(at));
    case GgufType::kI16:
      return T(stored<int16_t>(at));
    case GgufType::kU32:
      return T(stored<uint32_t>(at));
    case GgufType::kI32:
      return T(stored<int32_t>(at));
    case GgufType::kF32:
      return T(stored<float>(at));
    case GgufType::kBool:
      return T(stored<uint8_t>(at) != 0);
    case GgufType::kU64:
      return T(stored<uint64_t>(at));
    case GgufType::kI64:
      return T(stored<int64_t>(at));
    case GgufType::kF64:
      return T(stored<double>(at));
    case GgufType::kString:
    case GgufType::kArray:
      break;
  }
  return T{};
}

bool is_number(GgufType type) noexcept {
  return is_integer(type) || type == GgufType::kF32 || type == GgufType::kF64;
}

// The only integers that int64_t cannot hold.
bool fits_int64(const std::byte* at, GgufType type) noexcept {
  return type != GgufType::kU64 || std::in_range<int64_t>(stored<uint64_t>(at));
}

std::string_view string_of(const GgufEntry& entry) noexcept {
  return {reinterpret_cast<const char*>(entry.bytes.data()) + sizeof(uint64_t),
          entry.bytes.size() - sizeof(uint64_t)};
}

Json number_json(const std::byte* at, GgufType type) {
  if (type == GgufType::kBool) return Json(load<bool>(at, type));
  if (type == GgufType::kU64) return Json(load<uint64_t>(at, type));
  if (is_integer(type)) return Json(load<int64_t>(at, type));
  return Json(load<double>(at, type));
}

std::string found_text(const GgufEntry& entry) {
  if (entry.is_array()) {
    return (Text() << "an array of " << entry.count << ' ' << gguf_type_name(entry.element)).str();
  }
  if (entry.type == GgufType::kString) {
    return '"' + printable(string_of(entry), kShownBytesMax) + '"';
  }
  return number_json(entry.bytes.data(), entry.type).dump();
}

std::string integer_text(int64_t least, int64_t most) {
  if (least == std::numeric_limits<int64_t>::min() && most == std::numeric_limits<int64_t>::max()) {
    return "an integer";
  }
  if (most == std::numeric_limits<int64_t>::max()) {
    return (Text() << "an integer from " << least << " on").str();
  }
  return (Text() << "an integer from " << least << " to " << most).str();
}

}  // namespace

std::string_view gguf_type_name(GgufType type) noexcept { return kTypes[size_t(type)].name; }

size_t gguf_type_bytes(GgufType type) noexcept { return kTypes[size_t(type)].bytes; }

template <class T>
T GgufArray<T>::operator[](size_t index) const noexcept {
  return load<T>(data_ + index * gguf_type_bytes(type_), type_);
}

template class GgufArray<int64_t>;
template class GgufArray<double>;
template class GgufArray<bool>;

Json gguf_value_json(const GgufEntry& entry, size_t items_max) {
  if (entry.type == GgufType::kString) return Json(string_of(entry));
  if (!entry.is_array()) return number_json(entry.bytes.data(), entry.type);
  Json items = Json::array();
  const size_t count = size_t(std::min<uint64_t>(entry.count, items_max));
  if (entry.element == GgufType::kString) {
    auto text = GgufStrings(entry).begin();
    for (size_t i = 0; i < count; ++i, ++text) items.push_back(Json(*text));
    return items;
  }
  const size_t stride = gguf_type_bytes(entry.element);
  for (size_t i = 0; i < count; ++i) {
    items.push_back(number_json(entry.bytes.data() + i * stride, entry.element));
  }
  return items;
}

Result<GgufMetadata> GgufMetadata::make(std::string file, std::vector<std::byte> bytes,
                                        std::vector<GgufEntry> entries) {
  GgufMetadata metadata;
  metadata.file_ = std::move(file);
  metadata.bytes_ = std::move(bytes);
  metadata.entries_ = std::move(entries);
  const std::vector<GgufEntry>& all = metadata.entries_;
  std::vector<uint32_t>& sorted = metadata.by_key_;
  sorted.resize(all.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::sort(sorted.begin(), sorted.end(),
            [&](uint32_t a, uint32_t b) { return all[a].key < all[b].key; });
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) {
    return all[a].key == all[b].key;
  });
  if (twin != sorted.end()) {
    return Status(Code::kCorrupt, metadata.file_ + ": the key " +
                                      printable(all[*twin].key, kShownBytesMax) +
                                      " occurs twice; expected every key once");
  }
  return metadata;
}

const GgufEntry* GgufMetadata::find(std::string_view key) const noexcept {
  const auto place = std::lower_bound(
      by_key_.begin(), by_key_.end(), key,
      [&](uint32_t index, std::string_view wanted) { return entries_[index].key < wanted; });
  if (place == by_key_.end() || entries_[*place].key != key) return nullptr;
  return &entries_[*place];
}

Status GgufMetadata::error(std::string_view key, std::string_view expected) const {
  const GgufEntry* entry = find(key);
  Text text;
  if (!file_.empty()) text << file_ << ": ";
  text << printable(key, kShownBytesMax) << ": expected " << expected << ", found "
       << (entry ? found_text(*entry) : std::string("nothing"));
  return Status(entry ? Code::kInvalid : Code::kNotFound, std::move(text).str());
}

Result<int64_t> GgufMetadata::integer(std::string_view key, int64_t least, int64_t most) const {
  const GgufEntry* entry = find(key);
  if (entry && is_integer(entry->type) && fits_int64(entry->bytes.data(), entry->type)) {
    const auto value = load<int64_t>(entry->bytes.data(), entry->type);
    if (least <= value && value <= most) return value;
  }
  return error(key, integer_text(least, most));
}

Result<double> GgufMetadata::number(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || !is_number(entry->type)) return error(key, "a number");
  return load<double>(entry->bytes.data(), entry->type);
}

Result<bool> GgufMetadata::boolean(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || entry->type != GgufType::kBool) return error(key, "a boolean");
  return load<bool>(entry->bytes.data(), entry->type);
}

Result<std::string_view> GgufMetadata::string(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || entry->type != GgufType::kString) return error(key, "a string");
  return string_of(*entry);
}

Result<int64_t> GgufMetadata::integer_or(std::string_view key, int64_t otherwise, int64_t least,
                                         int64_t most) const {
  return has(key) ? integer(key, least, most) : Result<int64_t>(otherwise);
}

Result<double> GgufMetadata::number_or(std::string_view key, double otherwise) const {
  return has(key) ? number(key) : Result<double>(otherwise);
}

Result<bool> GgufMetadata::boolean_or(std::string_view key, bool otherwise) const {
  return has(key) ? boolean(key) : Result<bool>(otherwise);
}

Result<std::string_view> GgufMetadata::string_or(std::string_view key,
                                                 std::string_view otherwise) const {
  return has(key) ? string(key) : Result<std::string_view>(otherwise);
}

Result<GgufArray<int64_t>> GgufMetadata::integers(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || !entry->is_array() || !is_integer(entry->element)) {
    return error(key, "an array of integers");
  }
  const size_t stride = gguf_type_bytes(entry->element);
  for (size_t i = 0; i < entry->count; ++i) {
    if (!fits_int64(entry->bytes.data() + i * stride, entry->element)) {
      return error(key, "an array of integers below 2^63");
    }
  }
  return GgufArray<int64_t>(*entry);
}

Result<GgufArray<double>> GgufMetadata::numbers(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || !entry->is_array() || !is_number(entry->element)) {
    return error(key, "an array of numbers");
  }
  return GgufArray<double>(*entry);
}

Result<GgufArray<bool>> GgufMetadata::booleans(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || !entry->is_array() || entry->element != GgufType::kBool) {
    return error(key, "an array of booleans");
  }
  return GgufArray<bool>(*entry);
}

Result<GgufStrings> GgufMetadata::strings(std::string_view key) const {
  const GgufEntry* entry = find(key);
  if (!entry || !entry->is_array() || entry->element != GgufType::kString) {
    return error(key, "an array of strings");
  }
  return GgufStrings(*entry);
}

}  // namespace llmos
