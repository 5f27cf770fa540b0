// SPDX-License-Identifier: Apache-2.0
// A golden model with a tokenizer: what the examples and the tests of text need, in 100 KB.
#pragma once

#include <string>

#include "llmos/status.h"

namespace llmos::test {

// Copies the GGUF file `from`, a model of 128 tokens, to `to`, with a vocabulary of letters and
// pairs of letters and a chat template.
Status write_text_model(const std::string& from, const std::string& to);

}  // namespace llmos::test
