// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: parse_json() answers, within its limits; what it accepts survives a round
// trip; what it refuses has a short message.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  constexpr size_t kMessageMax = 300;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JsonLimits limits{.bytes_max = 1 << 16, .values_max = 1000, .depth_max = 32};
  const Result<Json> first = parse_json(text, limits);
  if (!first.ok()) {
    const std::string& message = first.status().message();
    LLMOS_CHECK(first.status().code() != Code::kInternal) << message;
    LLMOS_CHECK(message.size() < kMessageMax) << message;
    LLMOS_CHECK(text.size() > limits.bytes_max || message.starts_with("line ")) << message;
    return 0;
  }
  const std::string compact = first->dump();
  for (size_t i = 0; i < compact.size();) {
    const size_t bytes = utf8_character_bytes(std::string_view(compact).substr(i));
    LLMOS_CHECK(bytes > 0) << "dump is not UTF-8 at " << i;
    i += bytes;
  }
  for (const std::string& again : {compact, first->dump_indented()}) {
    const Result<Json> second = parse_json(again);
    LLMOS_CHECK(second.ok()) << second.status().to_string();
    LLMOS_CHECK(*second == *first) << again;
    LLMOS_CHECK(second->dump() == compact) << again;
  }
  const Json copy = *first;
  LLMOS_CHECK(copy == *first);
  return 0;
}
