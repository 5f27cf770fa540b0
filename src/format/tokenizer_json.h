// SPDX-License-Identifier: Apache-2.0
// The tokenizer of a Hugging Face directory: tokenizer.json, with what tokenizer_config.json,
// special_tokens_map.json, generation_config.json and the chat template files beside it add.
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

// What names BOS, EOS and the others: `config` is tokenizer_config.json or special_tokens_map.json.
// Also its chat templates. Tokens that the vocabulary lacks are left out.
Status apply_tokenizer_config(const Json& config, TokenizerSpec& spec);

// `path` is that of tokenizer.json; the other files lie beside it, or are missing.
Result<TokenizerSpec> read_tokenizer_json_file(const std::string& path);
// The same in a directory that may be a source's.
Result<TokenizerSpec> read_tokenizer_json_file(const WeightDirectory& directory,
                                               const std::string& name);

}  // namespace llmos
