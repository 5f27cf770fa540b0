// SPDX-License-Identifier: Apache-2.0
// Sentencepiece models put together by hand, right or wrong: shares no code with the reader.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace llmos::test {

inline std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += char(value | 0x80);
  return bytes + char(value);
}
inline std::string varint_field(uint32_t number, uint64_t value) {
  return varint(number << 3) + varint(value);
}
inline std::string bytes_field(uint32_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
inline std::string float_field(uint32_t number, float value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return varint(number << 3 | 5) + bytes;
}

// A piece of a model; types as in TokenType.
inline std::string piece(std::string_view text, float score, int type = 1) {
  return bytes_field(
      1, bytes_field(1, text) + float_field(2, score) + varint_field(3, uint64_t(int64_t{type})));
}
inline std::string trainer(std::string_view fields) { return bytes_field(2, fields); }
inline std::string normalizer(std::string_view fields) { return bytes_field(3, fields); }

// The pieces <unk>, <s>, </s>, space, "a", "b", space "a", "ab" of a BPE model without a trainer.
inline std::string pieces() {
  const std::string space = "\xE2\x96\x81";
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece(space, -1) +
         piece("a", -2) + piece("b", -3) + piece(space + "a", -4) + piece("ab", -5);
}
constexpr uint32_t kModelTypeField = 3;
inline std::string bpe_model() { return pieces() + trainer(varint_field(kModelTypeField, 2)); }

}  // namespace llmos::test
