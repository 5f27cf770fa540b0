// SPDX-License-Identifier: Apache-2.0
// Any bytes through every named pre-tokenizer: the pieces together are the text.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/pretokenizer.h"

namespace {

std::vector<llmos::Pretokenizer> all_named() {
  std::vector<llmos::Pretokenizer> made;
  for (const char* name :
       {"default", "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon",
        "starcoder", "gpt-2", "qwen2", "qwen35", "tekken", "gpt-4o", "tiny_aya", "poro-chat",
        "viking", "superbpe", "seed-coder", "bailingmoe"}) {
    llmos::PretokenizerStep step{.kind = llmos::PretokenizerStep::Kind::kNamed};
    step.pattern = name;
    llmos::Result<llmos::Pretokenizer> one = llmos::Pretokenizer::create({&step, 1});
    LLMOS_CHECK(one.ok()) << one.status().message();
    made.push_back(*std::move(one));
  }
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<llmos::Pretokenizer> kAll = all_named();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const llmos::Pretokenizer& pretokenizer : kAll) {
    std::string joined;
    pretokenizer.split(text, [&](std::string_view piece) {
      LLMOS_CHECK(!piece.empty());
      joined += piece;
    });
    LLMOS_CHECK(joined == text);
  }
  return 0;
}
