// SPDX-License-Identifier: Apache-2.0
// render_chat() of a path: a chat template without its tokenizer's vocabulary.
#include <filesystem>

#include "base/os_file.h"
#include "base/text.h"
#include "format/checkpoint.h"
#include "format/gguf.h"
#include "llmos/tokenizer.h"
#include "text/chat.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

// Real ones have up to 20 KB, tokenizer_config.json with thousands of added tokens some MB.
constexpr size_t kTemplateBytesMax = size_t{1} << 20;
constexpr size_t kConfigBytesMax = size_t{16} << 20;

struct ChatSource {
  std::vector<NamedTemplate> templates;
  ChatTokens tokens;
};

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

Result<ChatSource> read_jinja(const std::string& path) {
  Result<std::string> text = os::read_file(path, kTemplateBytesMax);
  if (!text.ok()) return text.status();
  return ChatSource{{{"default", *std::move(text)}}, {}};
}

// A token is its text, or an object with the text as "content".
void add_token(ChatSource& source, const Json& config, const char* name) {
  const Json* token = config.find(name);
  if (token && token->is_object()) token = token->find("content");
  if (token && token->if_string()) source.tokens.emplace_back(name, *token->if_string());
}

// One template, or a list of {"name", "template"}.
void add_templates(ChatSource& source, const Json& config) {
  const Json* value = config.find("chat_template");
  if (!value) return;
  if (const std::string* text = value->if_string()) source.templates.push_back({"default", *text});
  for (const Json& item : value->items()) {
    const Json* name = item.find("name");
    const Json* text = item.find("template");
    if (name && text && name->if_string() && text->if_string()) {
      source.templates.push_back({*name->if_string(), *text->if_string()});
    }
  }
}

Result<ChatSource> read_directory(const fs::path& path) {
  ChatSource source;
  if (is_file(path / "tokenizer_config.json")) {
    const std::string file = (path / "tokenizer_config.json").string();
    const Result<std::string> text = os::read_file(file, kConfigBytesMax);
    if (!text.ok()) return text.status();
    const Result<Json> config = parse_json(*text);
    if (!config.ok()) {
      return Status(Code::kCorrupt, (Text() << file << ": " << config.status().message()).str());
    }
    for (const char* name : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
      add_token(source, *config, name);
    }
    add_templates(source, *config);
  }
  if (is_file(path / "chat_template.jinja")) {  // the newer place, which wins
    Result<ChatSource> jinja = read_jinja((path / "chat_template.jinja").string());
    if (!jinja.ok()) return jinja.status();
    std::erase_if(source.templates, [](const NamedTemplate& t) { return t.name == "default"; });
    source.templates.insert(source.templates.begin(), std::move(jinja->templates.front()));
  }
  return source;
}

}  // namespace

Result<std::string> render_chat(const std::string& path, const ChatInput& input) {
  std::error_code error;
  const bool directory = fs::is_directory(path, error);
  if (!directory && !path.ends_with(".jinja")) {
    const Result<Tokenizer> tokenizer = Tokenizer::open(path);
    if (!tokenizer.ok()) return tokenizer.status();
    return tokenizer->render_chat(input);
  }
  const Result<ChatSource> source = directory ? read_directory(path) : read_jinja(path);
  if (!source.ok()) return source.status();
  Result<std::string> text = render_chat(source->templates, source->tokens, input);
  if (text.ok() || text.status().code() == Code::kInvalid) return text;
  return Status(text.status().code(), path + ": " + text.status().message());
}

}  // namespace llmos
