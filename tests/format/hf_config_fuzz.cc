// SPDX-License-Identifier: Apache-2.0
// Whatever config.json, generation_config.json and the index hold (the input, cut at lines "===="):
// a directory with two sound shards is opened or refused.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "format/checkpoint.h"
#include "format/fuzz_file.h"
#include "format/memory_source.h"
#include "format/safetensors_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  constexpr std::string_view kCut = "====\n";
  constexpr std::array kFiles{"config.json", "generation_config.json",
                              "model.safetensors.index.json"};
  test::MemorySource source(test::MemorySource::Mode::kInMemory);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (const char* name : kFiles) {
    const size_t end = rest.find(kCut);
    source.add(name, rest.substr(0, end));
    if (end == rest.npos) break;
    rest.remove_prefix(end + kCut.size());
  }
  source.add(
      "a.safetensors",
      test::safetensors_bytes(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"));
  source.add(
      "b.safetensors",
      test::safetensors_bytes(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "12"));
  const Result<Checkpoint> checkpoint = Checkpoint::open("", {.source = &source});
  if (!checkpoint.ok()) {
    test::check_refusal(checkpoint.status());
    return 0;
  }
  test::check_tensors(*checkpoint);
  LLMOS_CHECK(checkpoint->config().is_object());
  LLMOS_CHECK(checkpoint->generation_config().is_null() ||
              checkpoint->generation_config().is_object());
  return 0;
}
