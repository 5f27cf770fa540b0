// SPDX-License-Identifier: Apache-2.0
// Chat templates: from messages to the prompt that a model was trained on.
//
//   Result<ChatTemplate> chat = ChatTemplate::parse(source);
//   Result<std::string> prompt = chat->render(context, now);
//
// A template is a program in Jinja that comes with a model, from strangers. It gives the text that
// Hugging Face transformers' apply_chat_template gives: jinja2's immutable sandbox with
// trim_blocks, lstrip_blocks, loop controls, generation blocks, their own tojson, raise_exception
// and strftime_now, on Python 3.11 with Unicode 14.0.
//
// What differs, always with a clear error and never with another text:
//   integers beyond 128 bits; complex numbers; the tags block, extends, include, import, from and
//   autoescape; the filters filesizeformat, pprint, random, striptags, urlencode, urlize, wordwrap
//   and xmlattr; the functions cycler and lipsum; the string methods format, format_map, encode,
//   translate and maketrans; "%#g" and its like; "%d" of a text where the format is markup;
//   \N{...} and single surrogates in strings; an unknown filter or test in a part that constants
//   make unreachable.
// Infinity as a constant, where the original's compiler fails, is a number here.
// What Python prints with an address, functions and generators, is printed without it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "llmos/status.h"

namespace llmos {

// What one template may cost. Real ones stay far below: 13 KB of source; for a conversation of
// 100 KB some 50,000 steps and 5 MB.
struct ChatTemplateLimits {
  size_t source_bytes_max = size_t{1} << 20;
  // Nodes evaluated, items walked, and 64 bytes of text looked at each: about a second.
  uint64_t steps_max = 20'000'000;
  size_t output_bytes_max = size_t{64} << 20;
  // Of all values that a render makes; none is freed before its end.
  size_t memory_bytes_max = size_t{256} << 20;
  // Levels of C++ calls: expressions, statements, macros, nested values. Each takes less than 1 KB
  // of the stack.
  int depth_max = 1000;
};

// What a clock on the wall shows, for strftime_now().
using ChatTime = std::chrono::local_time<std::chrono::microseconds>;

// One parsed template. Immutable: any number of threads may render at a time.
class ChatTemplate {
 public:
  // Failure: kCorrupt for what is no template, kUnsupported for what we do not do, kExhausted
  // beyond a limit. The message begins "line 3: ".
  static Result<ChatTemplate> parse(std::string_view source, const ChatTemplateLimits& limits = {});

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // `context` is an object of variables: messages, tools, documents, add_generation_prompt,
  // bos_token, eos_token and whatever else the template asks for. As in transformers, tools and
  // documents are null and add_generation_prompt is false where they are left out.
  //
  // Failure: kInvalid, with exactly the template's own message where it calls raise_exception(),
  // else "line 3: " and why the template cannot be run on this context; kExhausted beyond a limit;
  // kUnsupported.
  Result<std::string> render(const Json& context, ChatTime now) const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::unique_ptr<const Parsed> parsed) noexcept;

  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace llmos
