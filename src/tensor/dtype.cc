// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <algorithm>
#include <array>
#include <limits>

namespace llmos {
namespace {

// In the order of DType.
constexpr std::array<DTypeTraits, kDTypeCount> kTraits{{
    {"F32", 1, 4},        {"F16", 1, 2},    {"BF16", 1, 2},
    {"F8_E4M3", 1, 1},    {"Q4_0", 32, 18},  // scale; 32 x 4 bits
    {"Q4_1", 32, 20},                        // scale, minimum; 32 x 4 bits
    {"Q5_0", 32, 22},                        // scale; 32 fifth bits; 32 x 4 bits
    {"Q5_1", 32, 24},                        // scale, minimum; fifth bits; 32 x 4 bits
    {"Q8_0", 32, 34},                        // scale; 32 x 8 bits
    {"Q2_K", 256, 84},     // 16 scales and minima of 4 bits; 256 x 2 bits; scale, minimum
    {"Q3_K", 256, 110},    // third bits; 256 x 2 bits; 16 scales of 6 bits; scale
    {"Q4_K", 256, 144},    // scale, minimum; 8 scales and minima of 6 bits; 256 x 4 bits
    {"Q5_K", 256, 176},    // the same, and 256 fifth bits
    {"Q6_K", 256, 210},    // 256 x 4 bits; 256 x 2 bits; 16 scales of 8 bits; scale
    {"IQ4_NL", 32, 18},    // scale; 32 x 4 bits into a table of 16 values
    {"IQ4_XS", 256, 136},  // scale; 8 scales of 6 bits; 256 x 4 bits into that table
    {"MXFP4", 32, 17},     // exponent; 32 x E2M1
    {"I8", 1, 1},         {"I16", 1, 2},    {"I32", 1, 4},
    {"I64", 1, 8},        {"F64", 1, 8},    {"U8", 1, 1},
}};

char upper(char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return upper(x) == upper(y); });
}

}  // namespace

const DTypeTraits& dtype_traits(DType dtype) noexcept { return kTraits[size_t(dtype)]; }

std::optional<DType> find_dtype(std::string_view name) noexcept {
  for (size_t i = 0; i < kTraits.size(); ++i) {
    if (same_name(kTraits[i].name, name)) return DType(i);
  }
  return std::nullopt;
}

std::optional<uint64_t> row_bytes(DType dtype, uint64_t elements) noexcept {
  const DTypeTraits& traits = dtype_traits(dtype);
  if (elements % traits.block_elements != 0) return std::nullopt;
  const uint64_t blocks = elements / traits.block_elements;
  if (blocks > std::numeric_limits<uint64_t>::max() / traits.block_bytes) return std::nullopt;
  return blocks * traits.block_bytes;
}

}  // namespace llmos
