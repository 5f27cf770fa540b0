// SPDX-License-Identifier: Apache-2.0
// The small golden model that the facade's tests use.
#pragma once

#include <string>

#include "llmos/model.h"

namespace llmos::test {

inline std::string golden_path(const std::string& name) {
  return std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/" + name;
}

// "llama2": 128 tokens, context 128, untied head.
inline Model golden_model(const ModelOptions& options = {.threads = 1}) {
  return Model::open(golden_path("llama2/model.gguf"), options).value();
}

// Its first golden case.
inline const std::vector<TokenId> kPrompt{1, 24, 92, 5, 26};
inline const std::vector<TokenId> kGreedy{31, 15, 48, 58, 11, 84, 11, 84};

}  // namespace llmos::test
