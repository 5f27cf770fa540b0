// SPDX-License-Identifier: Apache-2.0
#include "text/utf8_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace llmos {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Form {
  size_t bytes;   // of the whole character; 0: not a first byte
  uint8_t least;  // of its second byte
  uint8_t most;
};

// Unicode table 3-7.
Form form_of(uint8_t lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

size_t ascii_bytes(std::string_view text) {
  size_t at = 0;
  for (uint64_t word; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080) != 0) break;
  }
  while (at < text.size() && uint8_t(text[at]) < 0x80) ++at;
  return at;
}

// Bytes of the well-formed characters that `text` begins with.
size_t whole_characters(std::string_view text) {
  size_t at = 0;
  for (;;) {
    at += ascii_bytes(text.substr(at));
    const size_t prefix = utf8_prefix_bytes(text.substr(at));
    if (prefix == 0 || prefix < form_of(uint8_t(text[at])).bytes) return at;
    at += prefix;
  }
}

}  // namespace

size_t utf8_prefix_bytes(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const Form form = form_of(uint8_t(text[0]));
  size_t bytes = std::min<size_t>(form.bytes, 1);
  while (bytes < form.bytes && bytes < text.size()) {
    const auto next = uint8_t(text[bytes]);
    const bool fits = bytes == 1 ? next >= form.least && next <= form.most : (next >> 6) == 2;
    if (!fits) break;
    ++bytes;
  }
  return bytes;
}

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) bytes = joined = held_.append(bytes);
  for (;;) {
    const size_t whole = whole_characters(bytes);
    out += bytes.substr(0, whole);
    bytes.remove_prefix(whole);
    const size_t prefix = utf8_prefix_bytes(bytes);
    if (prefix == bytes.size()) break;  // the end, or may still become a character
    out += kReplacement;
    bytes.remove_prefix(std::max<size_t>(prefix, 1));
  }
  held_ = bytes;
}

void Utf8Stream::finish(std::string& out) {
  if (!held_.empty()) out += kReplacement;
  held_.clear();
}

}  // namespace llmos
