// SPDX-License-Identifier: Apache-2.0
// The tokenizer that a GGUF file describes in its keys tokenizer.ggml.*.
#pragma once

#include "format/gguf_metadata.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Models   "llama" (sentencepiece BPE), "gpt2" (byte-level BPE, by tokenizer.ggml.pre), "t5"
//          (sentencepiece unigram).
// As       llama.cpp reads them: control, unknown and user-defined tokens are found in the raw
//          text, the longest first; what a file does not say (BOS, EOS, the space before a text)
//          follows from the model. But plain text never becomes a control token by merging.
// Failure  kNotFound, kInvalid and kCorrupt with the key; kUnsupported for another model or
//          pre-tokenizer, by its name.
Result<TokenizerSpec> read_gguf_tokenizer(const GgufMetadata& metadata);

}  // namespace llmos
