// SPDX-License-Identifier: Apache-2.0
// The default model's bytes. The assembler takes them from the file: a generated array of two
// million numbers would cost the compiler more time than all of this folder.
#include "format/default_model.h"

#if defined(LLMOS_DEFAULT_MODEL_FILE)

// .globl and .hidden: found from any part of a link, and exported by none. 64 bytes of alignment
// are what WeightSource::in_memory() promises.
asm(".pushsection .rodata\n"
    ".balign 64\n"
    ".globl llmos_default_model_begin\n"
    ".hidden llmos_default_model_begin\n"
    "llmos_default_model_begin:\n"
    ".incbin \"" LLMOS_DEFAULT_MODEL_FILE
    "\"\n"
    ".globl llmos_default_model_end\n"
    ".hidden llmos_default_model_end\n"
    "llmos_default_model_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
[[gnu::visibility("hidden")]] extern const std::byte llmos_default_model_begin[];
[[gnu::visibility("hidden")]] extern const std::byte llmos_default_model_end[];
}

namespace llmos {

std::span<const std::byte> embedded_model() noexcept {
  return {llmos_default_model_begin, llmos_default_model_end};
}

}  // namespace llmos

#else

namespace llmos {

std::span<const std::byte> embedded_model() noexcept { return {}; }

}  // namespace llmos

#endif
