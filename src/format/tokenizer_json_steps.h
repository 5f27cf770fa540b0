// SPDX-License-Identifier: Apache-2.0
// The steps in a tokenizer.json: normaliser, pre-tokeniser, post-processor, decoder.
#pragma once

#include "base/json.h"
#include "llmos/status.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Each appends to its part of `spec` what its member of the file says; null or missing says
// nothing. Failure: kInvalid and kNotFound with the place, kUnsupported for a step that we lack.
Status read_normalizer_steps(const Json& json, TokenizerSpec& spec);
Status read_pretokenizer_steps(const Json& json, TokenizerSpec& spec);
Status read_post_processor(const Json& json, TokenizerSpec& spec);
Status read_decoder_steps(const Json& json, TokenizerSpec& spec);

}  // namespace llmos
