// SPDX-License-Identifier: Apache-2.0
#include "format/ggml_type.h"

#include <array>
#include <string_view>

#include "base/text.h"

namespace llmos {
namespace {

// By number. Types that LLMOS reads have the name of their DType; empty: never used.
constexpr std::array<std::string_view, 42> kNames{
    "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
};

}  // namespace

std::optional<DType> dtype_of_ggml(uint32_t number) noexcept {
  return number < kNames.size() ? find_dtype(kNames[number]) : std::nullopt;
}

std::optional<uint32_t> ggml_of_dtype(DType dtype) noexcept {
  for (uint32_t number = 0; number < kNames.size(); ++number) {
    if (kNames[number] == dtype_name(dtype)) return number;
  }
  return std::nullopt;
}

std::string ggml_type_name(uint32_t number) {
  if (number < kNames.size()) return std::string(kNames[number]);
  return (Text() << "number " << number).str();
}

}  // namespace llmos
