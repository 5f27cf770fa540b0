// SPDX-License-Identifier: Apache-2.0
// The keys and values of a GGUF file.
//
//   Result<int64_t> layers = metadata.integer("llama.block_count", 1, 1024);
//   Result<double> theta = metadata.number_or("llama.rope.freq_base", 10000);
//   Result<GgufStrings> words = metadata.strings("tokenizer.ggml.tokens");
//   for (std::string_view word : *words) ...
//
//   not found: model.gguf: llama.block_count: expected an integer, found nothing
//   invalid: model.gguf: llama.block_count: expected an integer from 1 to 1024, found 5000
//
// Values stay in the bytes of the file, of which one copy is kept: arrays of a million strings cost
// nothing more until a reader makes something of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "llmos/status.h"

namespace llmos {

// With the numbers of the file format.
enum class GgufType : uint8_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};
inline constexpr uint32_t kGgufTypeCount = uint32_t(GgufType::kF64) + 1;

// "u8", "string", "array".
std::string_view gguf_type_name(GgufType type) noexcept;
// Bytes of a value of a fixed size; 0 for strings and arrays.
size_t gguf_type_bytes(GgufType type) noexcept;
inline bool is_integer(GgufType type) noexcept {
  return gguf_type_bytes(type) != 0 && type != GgufType::kF32 && type != GgufType::kF64 &&
         type != GgufType::kBool;
}

// One key with its value, as it lies in the file. Lives as long as its GgufMetadata.
struct GgufEntry {
  std::string_view key;
  GgufType type = GgufType::kU8;
  GgufType element = GgufType::kU8;  // of an array; otherwise as `type`
  uint64_t count = 1;                // elements of an array
  // Little-endian numbers, one after another; strings each with 8 bytes of length before it.
  std::span<const std::byte> bytes;

  bool is_array() const noexcept { return type == GgufType::kArray; }
};

// An array of numbers, converted when they are read. T is int64_t, double or bool; what made the
// view has checked that every element fits. A value; lives as long as the metadata.
template <class T>
class GgufArray {
 public:
  GgufArray() = default;
  explicit GgufArray(const GgufEntry& entry)
      : data_(entry.bytes.data()), type_(entry.element), size_(size_t(entry.count)) {}

  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T operator[](size_t index) const noexcept;  // precondition: index < size()
  std::vector<T> to_vector() const {
    std::vector<T> values(size_);
    for (size_t i = 0; i < size_; ++i) values[i] = (*this)[i];
    return values;
  }

 private:
  const std::byte* data_ = nullptr;
  GgufType type_ = GgufType::kU8;
  size_t size_ = 0;
};

// An array of strings, to be walked forwards. The bytes of a string are whatever the file holds,
// not necessarily UTF-8. A value; lives as long as the metadata.
class GgufStrings {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    explicit Iterator(const std::byte* at) noexcept : at_(at) {}
    std::string_view operator*() const noexcept {
      return {reinterpret_cast<const char*>(at_) + sizeof(uint64_t), length()};
    }
    Iterator& operator++() noexcept {
      at_ += sizeof(uint64_t) + length();
      return *this;
    }
    Iterator operator++(int) noexcept {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    size_t length() const noexcept {
      uint64_t length;
      std::memcpy(&length, at_, sizeof length);
      return size_t(length);
    }
    const std::byte* at_ = nullptr;
  };

  GgufStrings() = default;
  explicit GgufStrings(const GgufEntry& entry) : bytes_(entry.bytes), size_(size_t(entry.count)) {}

  size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  Iterator begin() const noexcept { return Iterator(bytes_.data()); }
  Iterator end() const noexcept { return Iterator(bytes_.data() + bytes_.size()); }

 private:
  std::span<const std::byte> bytes_;
  size_t size_ = 0;
};

// The value as JSON, for people: 64-bit integers exact, NaN and infinities null, bytes that are not
// UTF-8 replaced when it is written. Of an array the first `items_max` elements.
Json gguf_value_json(const GgufEntry& entry, size_t items_max);

// All keys of a file, in its order. Move-only, and then views into it stay valid.
//
// Threads  Every const method from any number of threads.
// Failure  kNotFound for a key that is not there, kInvalid for another type or out of range. The
//          `..._or` calls answer `otherwise` when the key is not there, and fail alike on the rest.
class GgufMetadata {
 public:
  GgufMetadata() = default;  // no keys
  // `bytes` holds everything that the entries point to; the reader has checked every entry.
  // kCorrupt when a key occurs twice.
  static Result<GgufMetadata> make(std::string file, std::vector<std::byte> bytes,
                                   std::vector<GgufEntry> entries);
  GgufMetadata(GgufMetadata&&) noexcept = default;
  GgufMetadata& operator=(GgufMetadata&&) noexcept = default;

  std::span<const GgufEntry> entries() const noexcept { return entries_; }
  const GgufEntry* find(std::string_view key) const noexcept;  // O(log n)
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }

  // An integer of any width that lies in the range.
  Result<int64_t> integer(std::string_view key, int64_t least = std::numeric_limits<int64_t>::min(),
                          int64_t most = std::numeric_limits<int64_t>::max()) const;
  Result<double> number(std::string_view key) const;  // integers too
  Result<bool> boolean(std::string_view key) const;
  Result<std::string_view> string(std::string_view key) const;

  Result<int64_t> integer_or(std::string_view key, int64_t otherwise,
                             int64_t least = std::numeric_limits<int64_t>::min(),
                             int64_t most = std::numeric_limits<int64_t>::max()) const;
  Result<double> number_or(std::string_view key, double otherwise) const;
  Result<bool> boolean_or(std::string_view key, bool otherwise) const;
  Result<std::string_view> string_or(std::string_view key, std::string_view otherwise) const;

  Result<GgufArray<int64_t>> integers(std::string_view key) const;
  Result<GgufArray<double>> numbers(std::string_view key) const;  // arrays of integers too
  Result<GgufArray<bool>> booleans(std::string_view key) const;
  Result<GgufStrings> strings(std::string_view key) const;

  // The error of a reader's own rule at a key: "model.gguf: general.architecture: expected one of
  // llama, qwen2, found "whale"".
  Status error(std::string_view key, std::string_view expected) const;

 private:
  std::string file_;
  std::vector<std::byte> bytes_;
  std::vector<GgufEntry> entries_;
  std::vector<uint32_t> by_key_;  // indices of entries_, sorted by key
};

}  // namespace llmos
