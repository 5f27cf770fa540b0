// SPDX-License-Identifier: Apache-2.0
// Whatever the keys of a GGUF file say: they become a tokenizer that keeps its word, or a refusal.
#include <cstdint>
#include <string_view>

#include "format/checkpoint.h"
#include "format/fuzz_tokenizer.h"
#include "format/memory_source.h"
#include "format/tokenizer_gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  test::MemorySource source(test::MemorySource::Mode::kInMemory);
  source.add("m.gguf", bytes);
  const Result<Checkpoint> checkpoint = Checkpoint::open("m.gguf", {.source = &source});
  if (!checkpoint.ok()) return 0;
  test::check_tokenizer(read_gguf_tokenizer(checkpoint->metadata()), bytes);
  return 0;
}
