// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a Hugging Face directory: tokenizer.json, with what the files beside it add.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "format/weight_file.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Read     Models BPE (also as older files write them), Unigram, WordLevel; normalisers Sequence,
//          Prepend, Replace, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Precompiled;
//          pre-tokenisers Sequence, ByteLevel, Split, Digits, Punctuation, Whitespace,
//          WhitespaceSplit, Metaspace; post-processors Sequence, TemplateProcessing,
//          RobertaProcessing, BertProcessing, ByteLevel; decoders Sequence, ByteLevel, Metaspace,
//          ByteFallback, Fuse, Strip, Replace.
// Failure  kNotFound, kInvalid, kCorrupt with the place in the file; kUnsupported names what is not
//          in the list above.
Result<TokenizerSpec> read_tokenizer_json(const Json& json);

// `path` is that of tokenizer.json; the files of tokenizer_config.h lie beside it, or are missing.
Result<TokenizerSpec> read_tokenizer_json_file(const std::string& path);
// The same in a directory that may be a source's.
Result<TokenizerSpec> read_tokenizer_json_file(const WeightDirectory& directory,
                                               const std::string& name);

}  // namespace llmos
