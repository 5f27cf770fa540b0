// SPDX-License-Identifier: Apache-2.0
// Utf8Stream turns bytes that come in pieces into whole characters.
#pragma once

#include <string>
#include <string_view>

namespace llmos {

// What is no UTF-8 becomes U+FFFD, one for each maximal part of a character (Unicode 3.9, which is
// also Python's errors="replace"). A character that is not complete is held back: up to 3 bytes.
class Utf8Stream {
 public:
  // Appends to `out` what `bytes` make certain.
  void push(std::string_view bytes, std::string& out);
  // Appends U+FFFD for a character that was not completed; the stream is as new.
  void finish(std::string& out);

 private:
  std::string held_;
};

// Bytes of the longest beginning of a well-formed character that `text` begins with: 1 to 3, or all
// of a whole character; 0 where its first byte begins none.
size_t utf8_prefix_bytes(std::string_view text) noexcept;

}  // namespace llmos
