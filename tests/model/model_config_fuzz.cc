// SPDX-License-Identifier: Apache-2.0
// Whatever a GGUF file's keys or a config.json say: read_model() answers with a valid configuration
// or a status; planning the weights of a valid one does so too.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "format/memory_source.h"
#include "format/safetensors_bytes.h"
#include "model/architecture.h"
#include "model/rope.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace {

using namespace llmos;

void read(const std::string& path, test::MemorySource& source) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(path, {.source = &source});
  if (!checkpoint.ok()) return;
  const Result<ModelFile> file = read_model(*checkpoint);
  if (!file.ok()) {
    constexpr size_t kMessageMax = 1000;
    LLMOS_CHECK(file.status().code() != Code::kInternal) << file.status().message();
    LLMOS_CHECK(file.status().message().size() < kMessageMax) << file.status().message();
    return;
  }
  const ModelConfig& config = file->config;
  LLMOS_CHECK(config.validate().ok());
  LLMOS_CHECK(file->sources.layers.size() == config.layer_count());
  const size_t frequencies = inverse_frequencies(config.rope).size();
  LLMOS_CHECK(frequencies == size_t(config.rope_set_count()) * (config.rope.rotary / 2));
  (void)Workspace::lay_out(config, {.tokens = kBatchTokensMax, .logit_rows = 1}, nullptr);
  (void)Weights::measure(*checkpoint, *file);
}

}  // namespace

// The first byte chooses the kind of file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  test::MemorySource source(test::MemorySource::Mode::kInMemory);
  if (data[0] % 2 == 0) {
    source.add("m.gguf", text);
    read("m.gguf", source);
    return 0;
  }
  source.add("m/config.json", text);
  source.add("m/model.safetensors",
             test::safetensors_bytes(
                 R"({"lm_head.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}})",
                 std::string(4, '\0')));
  read("m", source);
  return 0;
}
