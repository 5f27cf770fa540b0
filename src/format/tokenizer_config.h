// SPDX-License-Identifier: Apache-2.0
// The files beside a tokenizer that Hugging Face keeps apart from it: tokenizer_config.json,
// special_tokens_map.json, generation_config.json and chat_template.jinja.
#pragma once

#include <cstddef>

#include "base/json.h"
#include "format/weight_file.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// The largest tokenizer.json of 2026 has 33 MB, the files beside it some hundred KB.
inline constexpr size_t kTokenizerFileBytesMax = size_t{64} << 20;

// What names BOS, EOS and padding: `config` is tokenizer_config.json or special_tokens_map.json.
// Also its chat templates. Tokens that the vocabulary lacks are left out. kInvalid: templates that
// are neither a text nor a list of names with texts.
Status apply_tokenizer_config(const Json& config, TokenizerSpec& spec);

// All that the files in `directory` add to a tokenizer; each of them may be missing.
Status apply_files_beside(const WeightDirectory& directory, TokenizerSpec& spec);

// The Json in a file, null where there is no such file; errors name it.
Result<Json> read_json_if_there(const WeightDirectory& directory, const char* name);

}  // namespace llmos
