// SPDX-License-Identifier: Apache-2.0
// The numbers that GGUF files give to element types, all that any version of ggml has used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tensor/dtype.h"

namespace llmos {

// The type with that number; nullopt for those that LLMOS does not read.
std::optional<DType> dtype_of_ggml(uint32_t number) noexcept;

// The number of a type; nullopt for those that GGUF does not have (F8_E4M3, U8).
std::optional<uint32_t> ggml_of_dtype(DType dtype) noexcept;

// "IQ2_XXS"; "number 77" for a number that ggml has not given to any.
std::string ggml_type_name(uint32_t number);

}  // namespace llmos
