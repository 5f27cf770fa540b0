// SPDX-License-Identifier: Apache-2.0
#include "text/chat.h"

#include <chrono>
#include <ctime>

#include "base/text.h"
#include "text/chat_template.h"

namespace llmos {
namespace {

Result<Json> parse_part(const std::string& text, const char* what) {
  Result<Json> json = parse_json(text);
  if (json.ok()) return json;
  return Status(Code::kInvalid, (Text() << what << ": " << json.status().message()).str());
}

Status wrong(const char* what, const char* expected, const Json& found) {
  return {Code::kInvalid,
          (Text() << what << ": expected " << expected << ", found " << found.kind_name()).str()};
}

// Members of an object become variables; those already there are replaced.
Status add_variables(Json& context, const Json& object, const char* what) {
  if (!object.is_object()) return wrong(what, "an object", object);
  for (const JsonMember& member : object.members()) context.set(member.key, member.value);
  return {};
}

Status add_messages(Json& context, const std::string& text) {
  Result<Json> messages = parse_part(text, "messages");
  if (!messages.ok()) return messages.status();
  if (messages->is_object()) {
    if (Status status = add_variables(context, *messages, "messages"); !status.ok()) return status;
  } else {
    context.set("messages", *std::move(messages));
  }
  const Json* list = context.find("messages");
  if (!list || !list->is_array()) {
    return wrong("messages", "an array, or an object with the array \"messages\"",
                 list ? *list : Json());
  }
  return {};
}

// What the clock on this machine's wall shows at `time`.
ChatTime wall_clock(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  const auto since_epoch = time.time_since_epoch() + std::chrono::seconds(local.tm_gmtoff);
  return ChatTime(std::chrono::floor<std::chrono::microseconds>(since_epoch));
}

bool has_tools(const Json& context) {
  const Json* tools = context.find("tools");
  return tools && !tools->items().empty();
}

}  // namespace

Result<Json> chat_context(const ChatInput& input, const ChatTokens& tokens) {
  Json context = Json::object();
  for (const auto& [name, text] : tokens) context.set(name, text);
  context.set("tools", Json());
  context.set("documents", Json());
  context.set("add_generation_prompt", input.add_generation_prompt);
  if (!input.tools.empty()) {
    Result<Json> tools = parse_part(input.tools, "tools");
    if (!tools.ok()) return tools.status();
    if (!tools->is_array()) return wrong("tools", "an array", *tools);
    context.set("tools", *std::move(tools));
  }
  if (!input.variables.empty()) {
    Result<Json> variables = parse_part(input.variables, "variables");
    if (!variables.ok()) return variables.status();
    if (Status status = add_variables(context, *variables, "variables"); !status.ok()) {
      return status;
    }
  }
  if (Status status = add_messages(context, input.messages); !status.ok()) return status;
  return context;
}

Result<const NamedTemplate*> choose_template(std::span<const NamedTemplate> templates,
                                             std::string_view name, bool has_tools) {
  const auto find = [&](std::string_view wanted) -> const NamedTemplate* {
    for (const NamedTemplate& one : templates) {
      if (one.name == wanted) return &one;
    }
    return nullptr;
  };
  if (templates.empty()) return Status(Code::kNotFound, "the model has no chat template");
  if (!name.empty()) {
    if (const NamedTemplate* found = find(name)) return found;
    Text text;
    text << "no chat template \"" << name << "\"; the model has:";
    for (const NamedTemplate& one : templates) text << " \"" << one.name << '"';
    return Status(Code::kNotFound, std::move(text).str());
  }
  if (const NamedTemplate* found = has_tools ? find("tool_use") : nullptr) return found;
  if (const NamedTemplate* found = find("default")) return found;
  return &templates.front();
}

Result<std::string> render_chat(std::span<const NamedTemplate> templates, const ChatTokens& tokens,
                                const ChatInput& input) {
  Result<Json> context = chat_context(input, tokens);
  if (!context.ok()) return context.status();
  Result<const NamedTemplate*> chosen =
      choose_template(templates, input.template_name, has_tools(*context));
  if (!chosen.ok()) return chosen.status();
  Result<ChatTemplate> parsed = ChatTemplate::parse((*chosen)->text);
  if (!parsed.ok()) return parsed.status();
  const auto now = input.now.value_or(std::chrono::system_clock::now());
  return parsed->render(*context, wall_clock(now));
}

}  // namespace llmos
