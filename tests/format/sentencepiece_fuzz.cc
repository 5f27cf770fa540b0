// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: a sentencepiece model becomes a tokenizer that keeps its word, or a refusal.
#include <cstdint>
#include <string_view>

#include "format/fuzz_tokenizer.h"
#include "format/sentencepiece_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  test::check_tokenizer(read_sentencepiece_model(bytes), bytes);
  return 0;
}
