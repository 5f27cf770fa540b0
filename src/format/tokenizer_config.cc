// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_config.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "format/end_tokens.h"

namespace llmos {
namespace {

// A token's text in tokenizer_config.json: a string, or an object with it as "content".
std::string_view token_text(const Json* json) {
  if (json && json->is_object()) json = json->find("content");
  const std::string* const text = json ? json->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::optional<TokenId> find_token(const TokenizerSpec& spec, std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  if (found == spec.tokens.end()) return std::nullopt;
  return TokenId(found - spec.tokens.begin());
}

Status read_chat_template(const Json& json, TokenizerSpec& spec) {
  if (const std::string* const text = json.if_string()) {
    spec.chat_templates.push_back({"default", *text});
    return {};
  }
  for (const Json& item : json.items()) {
    const Json* const name = item.find("name");
    const Json* const text = item.find("template");
    if (!name || !name->if_string() || !text || !text->if_string()) {
      return Status(Code::kInvalid, "chat_template: expected a text, or names with templates");
    }
    spec.chat_templates.push_back({*name->if_string(), *text->if_string()});
  }
  return {};
}

void add_ends(const Json& generation_config, TokenizerSpec& spec) {
  const Json* const eos = generation_config.find("eos_token_id");
  if (!eos) return;
  const auto add = [&](const Json& json) {
    const auto id = json.if_int64();
    if (id && *id >= 0 && *id < int64_t(spec.tokens.size())) {
      spec.end_of_generation.push_back(TokenId(*id));
    }
  };
  add(*eos);
  for (const Json& item : eos->items()) add(item);
}

Status read_files_beside(const WeightDirectory& directory, TokenizerSpec& spec) {
  for (const char* const name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const Result<Json> json = read_json_if_there(directory, name);
    if (!json.ok()) return json.status();
    if (Status status = apply_tokenizer_config(*json, spec); !status.ok()) return status;
  }
  const Result<Json> generation = read_json_if_there(directory, "generation_config.json");
  if (!generation.ok()) return generation.status();
  add_ends(*generation, spec);
  Result<std::string> jinja = directory.read("chat_template.jinja", kTokenizerFileBytesMax);
  if (jinja.status().code() == Code::kNotFound) return {};
  if (!jinja.ok()) return jinja.status();
  spec.chat_templates.insert(spec.chat_templates.begin(), {"default", *std::move(jinja)});
  return {};
}

// EOS, and what is known to end a turn by its name.
void add_named_ends(TokenizerSpec& spec) {
  if (spec.eos) spec.end_of_generation.push_back(*spec.eos);
  for (const AddedToken& token : spec.added_tokens) {
    const bool ends =
        std::find(std::begin(kEndTokens), std::end(kEndTokens), token.text) != std::end(kEndTokens);
    if (ends && token.special) spec.end_of_generation.push_back(token.id);
  }
  drop_false_ends(spec.tokens, spec.end_of_generation);
}

}  // namespace

Result<Json> read_json_if_there(const WeightDirectory& directory, const char* name) {
  const Result<std::string> text = directory.read(name, kTokenizerFileBytesMax);
  if (text.status().code() == Code::kNotFound) return Json();
  if (!text.ok()) return text.status();
  Result<Json> json = parse_json(*text);
  if (json.ok()) return json;
  return Status(json.status().code(), directory.path_of(name) + ": " + json.status().message());
}

Status apply_tokenizer_config(const Json& config, TokenizerSpec& spec) {
  const std::pair<const char*, std::optional<TokenId>*> names[] = {
      {"bos_token", &spec.bos},
      {"eos_token", &spec.eos},
      {"pad_token", &spec.padding},
  };
  for (const auto& [name, id] : names) {
    const auto found = find_token(spec, token_text(config.find(name)));
    if (found) *id = found;
  }
  const Json* const chat_template = config.find("chat_template");
  return chat_template ? read_chat_template(*chat_template, spec) : Status();
}

Status apply_files_beside(const WeightDirectory& directory, TokenizerSpec& spec) {
  if (Status status = read_files_beside(directory, spec); !status.ok()) return status;
  add_named_ends(spec);
  return {};
}

}  // namespace llmos
