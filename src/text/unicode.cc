// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.h"

#include <array>

#include "base/text.h"
#include "text/unicode_tables.h"

namespace llmos::unicode {
namespace {

constexpr size_t kBlockSize = size_t{1} << detail::kBlockBits;
constexpr size_t kBlockCount = (size_t{kCodePointMax} + 1) / kBlockSize;
constexpr size_t kRunCount = std::size(unicode_tables::kPropertyRuns);

constexpr uint32_t run_begin(size_t run) {
  return run == kRunCount ? kCodePointMax + 1 : unicode_tables::kPropertyRuns[run] >> 8;
}

template <size_t kMixedBlocks>
struct Stages {
  std::array<uint16_t, kBlockCount> index{};
  std::array<uint8_t, kMixedBlocks * kBlockSize> blocks{};
};

// Calls uniform(block, value) or mixed(block, its first run) for every block.
template <class Uniform, class Mixed>
constexpr void for_each_block(Uniform uniform, Mixed mixed) {
  size_t run = 0;
  for (size_t block = 0; block < kBlockCount; ++block) {
    const size_t begin = block * kBlockSize;
    while (run_begin(run + 1) <= begin) ++run;
    if (run_begin(run + 1) >= begin + kBlockSize) {
      uniform(block, uint8_t(unicode_tables::kPropertyRuns[run]));
    } else {
      mixed(block, run);
    }
  }
}

// Blocks of one value come first, one for each value that occurs.
constexpr size_t block_total() {
  std::array<bool, 256> seen{};
  size_t total = 0;
  for_each_block(
      [&](size_t, uint8_t value) {
        total += !seen[value];
        seen[value] = true;
      },
      [&](size_t, size_t) { ++total; });
  return total;
}

constexpr auto make_stages() {
  Stages<block_total()> stages;
  std::array<uint16_t, 256> uniform_block{};  // 0: none yet; else its number + 1
  uint16_t next = 0;
  for_each_block(
      [&](size_t block, uint8_t value) {
        if (uniform_block[value] == 0) {
          for (size_t i = 0; i < kBlockSize; ++i) stages.blocks[next * kBlockSize + i] = value;
          uniform_block[value] = ++next;
        }
        stages.index[block] = uint16_t(uniform_block[value] - 1);
      },
      [&](size_t block, size_t run) {
        for (size_t i = 0; i < kBlockSize; ++i) {
          if (run_begin(run + 1) <= block * kBlockSize + i) ++run;
          stages.blocks[next * kBlockSize + i] = uint8_t(unicode_tables::kPropertyRuns[run]);
        }
        stages.index[block] = next++;
      });
  return stages;
}

constexpr auto kStages = make_stages();

}  // namespace

const uint16_t* const detail::kBlockIndex = kStages.index.data();
const uint8_t* const detail::kBlocks = kStages.blocks.data();

Character decode_slow(std::string_view text) noexcept {
  const size_t bytes = utf8_character_bytes(text);
  const auto byte = [&](size_t i) { return char32_t(static_cast<unsigned char>(text[i])); };
  const auto tail = [&](size_t i) { return byte(i) & 0x3F; };
  switch (bytes) {
    case 1:
      return {byte(0), 1};
    case 2:
      return {(byte(0) & 0x1F) << 6 | tail(1), 2};
    case 3:
      return {(byte(0) & 0x0F) << 12 | tail(1) << 6 | tail(2), 3};
    case 4:
      return {(byte(0) & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
    default:
      return {kReplacement, 1};
  }
}

Character decode_last(std::string_view text) noexcept {
  for (size_t bytes = 1; bytes <= 4 && bytes <= text.size(); ++bytes) {
    const Character last = decode(text.substr(text.size() - bytes));
    if (last.bytes == bytes && (bytes > 1 || last.code_point < 0x80)) return last;
  }
  return {kReplacement, 1};
}

void append(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  const auto tail = [&](int shift) { put(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xC0 | c >> 6), tail(0);
  if (c < 0x10000) return put(0xE0 | c >> 12), tail(6), tail(0);
  put(0xF0 | c >> 18), tail(12), tail(6), tail(0);
}

}  // namespace llmos::unicode
