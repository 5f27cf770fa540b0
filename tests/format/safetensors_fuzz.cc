// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: a safetensors file is opened or refused, and the tensors of an accepted one
// cover its data exactly.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "format/checkpoint.h"
#include "format/fuzz_file.h"
#include "format/memory_source.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  test::MemorySource source(test::MemorySource::Mode::kInMemory);
  source.add("config.json", "{}");
  source.add("model.safetensors", {reinterpret_cast<const char*>(data), size});
  const Result<Checkpoint> checkpoint = Checkpoint::open("", {.source = &source});
  if (!checkpoint.ok()) {
    test::check_refusal(checkpoint.status());
    return 0;
  }
  test::check_tensors(*checkpoint);
  uint64_t end = size;
  for (size_t i = checkpoint->tensors().size(); i-- > 0;) {
    const TensorInfo& info = checkpoint->tensors()[i];
    LLMOS_CHECK(info.offset + info.bytes == end) << info.name;
    end = info.offset;
  }
  return 0;
}
