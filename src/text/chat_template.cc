// SPDX-License-Identifier: Apache-2.0
#include "text/chat_template.h"

#include <new>
#include <utility>
#include <vector>

#include "base/text.h"
#include "text/jinja/failure.h"
#include "text/jinja/heap.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/json.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"
#include "text/jinja/scope.h"
#include "text/jinja/text.h"

namespace llmos {

struct ChatTemplate::Parsed {
  ChatTemplateLimits limits;
  std::string source;  // the program's names and texts are parts of it
  jinja::Program program;
};

namespace {

// Our own messages stay short, whatever names of the template they hold; its own stays as it is.
Status status_of(const jinja::Failure& failure) {
  if (failure.verbatim) return Status(failure.code, failure.message);
  constexpr size_t kShownMax = 300;
  std::string_view shown = failure.message;
  if (shown.size() > kShownMax)
    shown = shown.substr(0, jinja::byte_of_character(shown, kShownMax / 4));
  Text text;
  if (failure.line > 0) text << "line " << failure.line << ": ";
  text << shown << (shown.size() < failure.message.size() ? "..." : "");
  return Status(failure.code, text.str());
}

Status out_of_memory() { return Status(Code::kExhausted, "out of memory in a chat template"); }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

// The variables of the context, and those that transformers always passes.
jinja::Value variables_of(jinja::Heap& heap, const Json& context) {
  std::vector<jinja::Dict::Entry> entries;
  const auto add = [&](std::string_view name, const jinja::Value& value) {
    entries.push_back({jinja::Value::string(name), value});
  };
  add("tools", jinja::Value::none());
  add("documents", jinja::Value::none());
  add("add_generation_prompt", jinja::Value::boolean(false));
  for (const JsonMember& member : context.members()) {
    add(member.key, jinja::from_json(heap, member.value));
  }
  return heap.dict(std::move(entries));
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<const Parsed> parsed) noexcept
    : parsed_(std::move(parsed)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source,
                                         const ChatTemplateLimits& limits) {
  if (source.size() > limits.source_bytes_max) {
    return Status(Code::kExhausted, (Text() << "expected a template of at most "
                                            << bytes_text(limits.source_bytes_max) << ", found "
                                            << bytes_text(source.size()))
                                        .str());
  }
  if (!is_utf8(source))
    return Status(Code::kCorrupt, "expected a template in UTF-8, found other bytes");
  try {
    auto parsed = std::make_unique<Parsed>();
    parsed->limits = limits;
    parsed->source = jinja::normalized_source(source);
    jinja::TokenReader reader(jinja::tokenize(parsed->source, parsed->program.texts),
                              parsed->program);
    jinja::parse_statements(reader, parsed->program);
    jinja::resolve_names(parsed->program);
    return ChatTemplate(std::move(parsed));
  } catch (const jinja::Failure& failure) {
    return status_of(failure);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::string> ChatTemplate::render(const Json& context, ChatTime now) const {
  if (!context.is_object() && !context.is_null()) {
    return Status(
        Code::kInvalid,
        (Text() << "expected an object of variables, found " << context.kind_name()).str());
  }
  const ChatTemplateLimits& limits = parsed_->limits;
  try {
    jinja::Heap heap({limits.steps_max, limits.memory_bytes_max, limits.depth_max});
    const jinja::Value variables = variables_of(heap, context);
    jinja::Interpreter interpreter(parsed_->program, heap, variables.dict(), now,
                                   limits.output_bytes_max);
    return interpreter.run();
  } catch (const jinja::Failure& failure) {
    return status_of(failure);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace llmos
