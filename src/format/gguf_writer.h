// SPDX-License-Identifier: Apache-2.0
// Writes GGUF files of version 3: first what they will hold, then the tensors' bytes in order.
//
//   GgufOutline outline;
//   outline.set("general.architecture", "llama");
//   outline.set("llama.block_count", uint32_t{32});
//   Status added = outline.add_tensor("token_embd.weight", DType::kF16, {32000, 4096});
//   Result<GgufWriter> writer = GgufWriter::create("model.gguf", std::move(outline));
//   writer->write(bytes);    // as often as needed
//   writer->finish();        // now model.gguf is there, whole
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/os_file.h"
#include "format/gguf.h"
#include "llmos/status.h"

namespace llmos {

namespace detail {

template <class T>
inline constexpr bool kIsGgufNumber = false;
template <class T>
inline constexpr GgufType kGgufTypeOf = GgufType::kU8;
#define LLMOS_GGUF_NUMBER(type, tag)                \
  template <>                                       \
  inline constexpr bool kIsGgufNumber<type> = true; \
  template <>                                       \
  inline constexpr GgufType kGgufTypeOf<type> = GgufType::tag;
LLMOS_GGUF_NUMBER(uint8_t, kU8)
LLMOS_GGUF_NUMBER(int8_t, kI8)
LLMOS_GGUF_NUMBER(uint16_t, kU16)
LLMOS_GGUF_NUMBER(int16_t, kI16)
LLMOS_GGUF_NUMBER(uint32_t, kU32)
LLMOS_GGUF_NUMBER(int32_t, kI32)
LLMOS_GGUF_NUMBER(float, kF32)
LLMOS_GGUF_NUMBER(bool, kBool)
LLMOS_GGUF_NUMBER(uint64_t, kU64)
LLMOS_GGUF_NUMBER(int64_t, kI64)
LLMOS_GGUF_NUMBER(double, kF64)
#undef LLMOS_GGUF_NUMBER

}  // namespace detail

// A type that a GGUF value can have as it is: no conversion chooses another width.
template <class T>
concept GgufNumber = detail::kIsGgufNumber<T>;

// What a GGUF file will hold. A value.
class GgufOutline {
 public:
  // `alignment`: a power of two from 8 to kGgufAlignmentMax; other than 32 it becomes the key
  // general.alignment.
  explicit GgufOutline(uint64_t alignment = kGgufAlignment);

  // Adds the key, or replaces its value in its place. `key` is not empty.
  template <GgufNumber T>
  void set(std::string_view key, T value) {
    set_bytes(key, detail::kGgufTypeOf<T>, number_bytes(value));
  }
  void set(std::string_view key, std::string_view value);
  template <GgufNumber T>
  void set_array(std::string_view key, const std::vector<T>& values) {
    std::string bytes;
    for (const T value : values) bytes += number_bytes(value);
    set_array_bytes(key, detail::kGgufTypeOf<T>, values.size(), bytes);
  }
  void set_array(std::string_view key, std::span<const std::string> values);
  // The key and value of another file.
  void set(const GgufEntry& entry);
  void remove(std::string_view key);

  // kInvalid when GGUF has no such type, a row is no whole number of blocks, or the name is there.
  Status add_tensor(std::string_view name, DType dtype, const Shape& shape);

  uint64_t alignment() const noexcept { return alignment_; }
  // With offsets from the start of the data.
  std::span<const TensorInfo> tensors() const noexcept { return tensors_; }
  // Of all tensors, with the padding behind each.
  uint64_t data_bytes() const noexcept { return data_bytes_; }
  // The file up to where the data begins.
  std::string header() const;

 private:
  template <class T>
  static std::string number_bytes(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }
  static std::string string_bytes(std::string_view text) {
    return number_bytes(uint64_t{text.size()}) + std::string(text);
  }
  void set_bytes(std::string_view key, GgufType type, std::string_view bytes);
  void set_array_bytes(std::string_view key, GgufType element, uint64_t count,
                       std::string_view bytes);

  struct Value {
    std::string key;
    std::string bytes;  // type and value, as the file has them
  };
  uint64_t alignment_;
  std::vector<Value> values_;
  std::map<std::string, size_t, std::less<>> index_;  // of values_, by key
  std::vector<TensorInfo> tensors_;
  std::set<std::string, std::less<>> names_;  // of tensors_
  uint64_t data_bytes_ = 0;
};

// Writes the file that an outline describes, in a single pass and without keeping the data. The
// file appears under its name only when all is written: os::AtomicFile. Move-only.
//
// Threads  One at a time.
// Failure  The status of the first write that failed; then only the destructor is left to call. It
//          removes what was written.
class GgufWriter {
 public:
  static Result<GgufWriter> create(const std::string& path, GgufOutline outline);

  // The next bytes of the tensors' data, in the outline's order; a call may end anywhere, also
  // inside of a tensor. Padding is added here. kInvalid for more bytes than there are.
  Status write(std::span<const std::byte> bytes);
  // kInvalid when bytes are missing. Last call.
  Status finish();

 private:
  GgufWriter(os::AtomicFile output, GgufOutline outline)
      : output_(std::move(output)), outline_(std::move(outline)) {}
  Status pad_tensor();

  os::AtomicFile output_;
  GgufOutline outline_;
  size_t tensor_ = 0;   // being written
  uint64_t bytes_ = 0;  // of it that are written
};

}  // namespace llmos
