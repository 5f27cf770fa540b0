// SPDX-License-Identifier: Apache-2.0
// Whatever a tokenizer.json says: it becomes a tokenizer that keeps its word, or a refusal. A
// second line is a tokenizer_config.json.
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "format/fuzz_tokenizer.h"
#include "format/tokenizer_config.h"
#include "format/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(bytes.find('\n'), size);
  const Result<Json> json = parse_json(bytes.substr(0, line));
  if (!json.ok()) return 0;
  Result<TokenizerSpec> spec = read_tokenizer_json(*json);
  if (spec.ok() && line < size) {
    const Result<Json> config = parse_json(bytes.substr(line + 1));
    const Status status = config.ok() ? apply_tokenizer_config(*config, *spec) : Status();
    if (!status.ok()) test::check_refusal(status);
  }
  test::check_tokenizer(std::move(spec), bytes);
  return 0;
}
