// SPDX-License-Identifier: Apache-2.0
// Whatever the template: parsing and rendering answer, within the limits; text is valid UTF-8 and
// the
// same at every render; a refusal has a short message. The first line of the input may be a JSON
// context, else a fixed one is used.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "text/chat_template.h"

namespace {

using namespace llmos;

constexpr const char* kContext = R"({"messages": [
  {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Zażółć 天気 \ud83d\ude00"},
  {"role": "assistant", "content": null,
   "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]},
  {"role": "tool", "content": "[1, 2]"}], "tools": [{"name": "f", "n": 18446744073709551615}],
  "bos_token": "<s>", "eos_token": "</s>",
  "l": [3, 1, 2], "d": {"a": 1, "b": [true, -0.5]}, "s": "text"})";

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void check_refusal(const Status& status) {
  constexpr size_t kMessageMax = 400;
  LLMOS_CHECK(!status.ok() && status.code() != Code::kInternal) << status.to_string();
  // An exception that the template raises keeps its message, whatever its length.
  const bool own = status.code() == Code::kInvalid && !status.message().starts_with("line ");
  LLMOS_CHECK(own || status.message().size() <= kMessageMax) << status.message();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view source(reinterpret_cast<const char*>(data), size);
  Result<Json> context = parse_json(kContext);
  if (source.starts_with('{') && source.find('\n') != source.npos) {
    Result<Json> own = parse_json(source.substr(0, source.find('\n')));
    if (own.ok()) {
      source.remove_prefix(source.find('\n') + 1);
      context = std::move(own);
    }
  }
  const ChatTemplateLimits limits{.source_bytes_max = 1 << 16,
                                  .steps_max = 100'000,
                                  .output_bytes_max = 1 << 18,
                                  .memory_bytes_max = 8 << 20};
  const Result<ChatTemplate> parsed = ChatTemplate::parse(source, limits);
  if (!parsed.ok()) {
    check_refusal(parsed.status());
    return 0;
  }
  const ChatTime now{std::chrono::microseconds(1732199696789012)};
  const Result<std::string> text = parsed->render(*context, now);
  const Result<std::string> again = parsed->render(*context, now);
  LLMOS_CHECK(text.ok() == again.ok());
  if (text.ok()) {
    LLMOS_CHECK(text->size() <= limits.output_bytes_max && *text == *again && is_utf8(*text));
  } else {
    check_refusal(text.status());
    LLMOS_CHECK(text.status().message() == again.status().message());
  }
  return 0;
}
