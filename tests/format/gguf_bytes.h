// SPDX-License-Identifier: Apache-2.0
// GGUF bytes put together by hand, right or wrong: an oracle that shares no code with the writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace llmos::test {

class GgufBytes {
 public:
  // Magic, version and counts.
  explicit GgufBytes(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    raw("GGUF").number(version).number(tensors).number(keys);
  }

  GgufBytes& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  template <class T>
  GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& string(std::string_view text) { return number(uint64_t{text.size()}).raw(text); }
  GgufBytes& key(std::string_view name, uint32_t type) { return string(name).number(type); }
  GgufBytes& array(std::string_view name, uint32_t element, uint64_t count) {
    return key(name, 9).number(element).number(count);
  }
  // Sizes innermost first, as the file has them.
  GgufBytes& tensor(std::string_view name, std::initializer_list<uint64_t> sizes, uint32_t type,
                    uint64_t offset) {
    string(name).number(uint32_t(sizes.size()));
    for (const uint64_t size : sizes) number(size);
    return number(type).number(offset);
  }
  GgufBytes& pad(size_t alignment = 32) {
    bytes_.append((alignment - bytes_.size() % alignment) % alignment, '\0');
    return *this;
  }
  GgufBytes& data(size_t bytes, char fill = 1) {
    bytes_.append(bytes, fill);
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace llmos::test
