// SPDX-License-Identifier: Apache-2.0
// The tokenizer in a sentencepiece model (tokenizer.model), a message of protocol buffers.
//
// The few fields that matter are read by hand: that needs a varint and a length, where the library
// would be one more in every host's process.
#pragma once

#include <string>
#include <string_view>

#include "format/weight_file.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Models   BPE and unigram. Exact as sentencepiece encodes; control symbols are recognised in the
//          text besides, if the caller asks for special tokens.
// BOS      A model file does not say whether a text begins with BOS. The tokenizer_config.json
//          beside it may (add_bos_token, add_eos_token); else BOS is added where the model has one,
//          which is right for the Llama family, and EOS is not.
// Failure  kCorrupt with the place of the byte; kUnsupported for models of words or characters.
Result<TokenizerSpec> read_sentencepiece_model(std::string_view bytes);
// With what the files of tokenizer_config.h beside it add.
Result<TokenizerSpec> read_sentencepiece_file(const std::string& path);
// The same in a directory that may be a source's.
Result<TokenizerSpec> read_sentencepiece_file(const WeightDirectory& directory,
                                              const std::string& name);

}  // namespace llmos
