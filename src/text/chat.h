// SPDX-License-Identifier: Apache-2.0
// From a conversation to the text that a chat template makes of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "llmos/status.h"
#include "llmos/tokenizer.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// What templates know besides the conversation: the texts of special tokens under the names that
// transformers gives them ("bos_token", "eos_token").
using ChatTokens = std::vector<std::pair<std::string, std::string>>;

// The variables of a template, as transformers' apply_chat_template sets them: `tools` and
// `documents` are null where the caller has none. kInvalid: not the JSON that ChatInput asks for.
Result<Json> chat_context(const ChatInput& input, const ChatTokens& tokens);

// The template of that name. Without a name: "tool_use" when there are tools and the model has one,
// else "default", else the first. kNotFound when there is none; the message names those there are.
Result<const NamedTemplate*> choose_template(std::span<const NamedTemplate> templates,
                                             std::string_view name, bool has_tools);

// Chooses, parses and renders.
Result<std::string> render_chat(std::span<const NamedTemplate> templates, const ChatTokens& tokens,
                                const ChatInput& input);

}  // namespace llmos
