// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_json.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json_cursor.h"
#include "base/text.h"
#include "format/end_tokens.h"
#include "format/tokenizer_json_steps.h"
#include "text/byte_tokens.h"
#include "text/tokenizer_check.h"

namespace llmos {
namespace {

// The largest tokenizer.json of 2026 has 33 MB, the files beside it some hundred KB.
constexpr size_t kFileBytesMax = size_t{64} << 20;

class JsonTokenizerReader {
 public:
  explicit JsonTokenizerReader(const Json& json) : root_(json, "tokenizer") {}

  Result<TokenizerSpec> read(const Json& json) {
    read_model();
    if (status_.ok()) status_ = read_normalizer_steps(json, spec_);
    if (status_.ok()) status_ = read_pretokenizer_steps(json, spec_);
    if (status_.ok()) status_ = read_post_processor(json, spec_);
    if (status_.ok()) status_ = read_decoder_steps(json, spec_);
    read_added_tokens();
    if (!status_.ok()) return status_;
    return std::move(spec_);
  }

 private:
  template <class T, class U>
  T take(Result<T> result, U otherwise) {
    if (result.ok()) return *std::move(result);
    if (status_.ok()) status_ = result.status();
    return T(std::move(otherwise));
  }
  void fail(Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

  void read_model();
  void read_vocabulary(const JsonCursor& at);
  void read_scored_vocabulary(const JsonCursor& at);
  void read_merges(const JsonCursor& at);
  void put_token(std::string_view text, int64_t id, const JsonCursor& at);
  void read_unknown(const JsonCursor& model);
  void mark_byte_tokens();
  void read_added_tokens();
  void read_added_token(const JsonCursor& at);
  TokenId find(std::string_view text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? kNoToken : found->second;
  }

  JsonCursor root_;
  Status status_;
  TokenizerSpec spec_;
  std::unordered_map<std::string_view, TokenId> ids_;  // texts of the Json
};

void JsonTokenizerReader::read_model() {
  const JsonCursor model = root_["model"];
  // Files of 2020 do not name the type.
  const char* const guess = model["merges"].present() ? "BPE" : "Unigram";
  const std::string_view type = take(model["type"].string_or(guess), "");
  spec_.byte_fallback = take(model["byte_fallback"].boolean_or(false), false);
  if (type == "BPE") {
    spec_.model = TokenizerModel::kBpe;
    spec_.fuse_unknown = take(model["fuse_unk"].boolean_or(false), false);
    spec_.ignore_merges = take(model["ignore_merges"].boolean_or(false), false);
    for (const char* const name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (take(model[name].string_or(""), "").empty()) continue;
      fail(Status(Code::kUnsupported, model[name].error("nothing").message()));
    }
    if (take(model["dropout"].number_or(0), 0.0) != 0) {
      fail(Status(Code::kUnsupported, model["dropout"].error("0").message()));
    }
    read_vocabulary(model["vocab"]);
    read_merges(model["merges"]);
  } else if (type == "Unigram") {
    spec_.model = TokenizerModel::kUnigram;
    spec_.fuse_unknown = true;
    spec_.byte_tokens_in_text = true;
    read_scored_vocabulary(model["vocab"]);
  } else if (type == "WordLevel") {
    spec_.model = TokenizerModel::kWordLevel;
    read_vocabulary(model["vocab"]);
  } else if (status_.ok()) {
    fail(Status(Code::kUnsupported, model["type"].error("BPE, Unigram or WordLevel").message()));
  }
  read_unknown(model);
  mark_byte_tokens();
}

void JsonTokenizerReader::put_token(std::string_view text, int64_t id, const JsonCursor& at) {
  if (id < 0 || id >= int64_t(kTokensMax)) return fail(at.error("ids from 0 to 16777215"));
  if (size_t(id) >= spec_.tokens.size()) {
    spec_.tokens.resize(size_t(id) + 1);
    spec_.types.resize(size_t(id) + 1, TokenType::kUnused);
  }
  std::string& token = spec_.tokens[size_t(id)];
  if (!token.empty() && token != text) {
    return fail(at.error("one text for id " + std::to_string(id)));
  }
  token = text;
  spec_.types[size_t(id)] = TokenType::kNormal;
}

void JsonTokenizerReader::read_vocabulary(const JsonCursor& at) {
  const auto members = take(at.members(), std::span<const JsonMember>());
  for (const JsonMember& member : members) {
    put_token(member.key, member.value.if_int64().value_or(-1), at);
    if (!status_.ok()) return;
    ids_[member.key] = TokenId(*member.value.if_int64());
  }
}

void JsonTokenizerReader::read_scored_vocabulary(const JsonCursor& at) {
  for (const Json& item : take(at.items(), std::span<const Json>())) {
    const auto pair = item.items();
    const std::string* const text = pair.size() == 2 ? pair[0].if_string() : nullptr;
    const auto score = pair.size() == 2 ? pair[1].if_double() : std::nullopt;
    if (!text || !score) return fail(at.error("pairs of a text and a score"));
    ids_[*text] = TokenId(spec_.tokens.size());
    spec_.tokens.push_back(*text);
    spec_.scores.push_back(*score);
    spec_.types.push_back(TokenType::kNormal);
  }
}

// Either "a b" or, where tokens may hold spaces, ["a", "b"].
void JsonTokenizerReader::read_merges(const JsonCursor& at) {
  for (const Json& item : take(at.items(), std::span<const Json>())) {
    std::string_view left, right;
    if (const std::string* const text = item.if_string()) {
      const size_t space = text->find(' ');
      left = std::string_view(*text).substr(0, space);
      if (space != text->npos) right = std::string_view(*text).substr(space + 1);
    } else if (item.items().size() == 2) {
      const auto text_of = [](const Json& json) {
        return json.if_string() ? std::string_view(*json.if_string()) : std::string_view();
      };
      left = text_of(item.items()[0]);
      right = text_of(item.items()[1]);
    }
    const TokenMerge merge{find(left), find(right), find(std::string(left) + std::string(right))};
    if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken) {
      return fail(at.error("pairs of tokens that make a token (merge " +
                           std::to_string(spec_.merges.size()) + " is none)"));
    }
    spec_.merges.push_back(merge);
  }
}

void JsonTokenizerReader::read_unknown(const JsonCursor& model) {
  if (!status_.ok()) return;
  if (spec_.model == TokenizerModel::kUnigram) {
    if (!model["unk_id"].present()) return;
    const int64_t last = int64_t(spec_.tokens.size()) - 1;
    spec_.unknown = TokenId(take(model["unk_id"].integer(0, last), 0));
  } else {
    const std::string_view text = take(model["unk_token"].string_or(""), "");
    const TokenId id = find(text);
    if (id != kNoToken) spec_.unknown = id;
  }
}

void JsonTokenizerReader::mark_byte_tokens() {
  for (size_t id = 0; spec_.byte_fallback && id < spec_.tokens.size(); ++id) {
    if (byte_of_token(spec_.tokens[id])) spec_.types[id] = TokenType::kByte;
  }
}

void JsonTokenizerReader::read_added_tokens() {
  if (!status_.ok() || !root_["added_tokens"].present()) return;
  const size_t count = take(root_["added_tokens"].items(), std::span<const Json>()).size();
  for (size_t i = 0; i < count && status_.ok(); ++i) read_added_token(root_["added_tokens"][i]);
  if (!spec_.scores.empty()) spec_.scores.resize(spec_.tokens.size());
}

void JsonTokenizerReader::read_added_token(const JsonCursor& at) {
  AddedToken token{};
  token.text = take(at["content"].string(), "");
  token.special = take(at["special"].boolean_or(false), false);
  token.normalized = take(at["normalized"].boolean_or(!token.special), false);
  token.single_word = take(at["single_word"].boolean_or(false), false);
  token.lstrip = take(at["lstrip"].boolean_or(false), false);
  token.rstrip = take(at["rstrip"].boolean_or(false), false);
  const int64_t given = take(at["id"].integer(), 0);
  if (!status_.ok() || token.text.empty()) return;
  // What the model's vocabulary has keeps that id, as HF tokenizers does it.
  const TokenId known = find(token.text);
  if (known == kNoToken) put_token(token.text, given, at);
  if (!status_.ok()) return;
  token.id = known == kNoToken ? TokenId(given) : known;
  TokenType& type = spec_.types[size_t(token.id)];
  if (spec_.unknown == token.id && token.special) {
    type = TokenType::kUnknown;
  } else {
    type = token.special ? TokenType::kControl : TokenType::kUserDefined;
  }
  spec_.added_tokens.push_back(std::move(token));
}

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

// The file's Json; null where there is no such file.
Result<Json> read_json_beside(const WeightDirectory& directory, const char* name) {
  const Result<std::string> text = directory.read(name, kFileBytesMax);
  if (text.status().code() == Code::kNotFound) return Json();
  if (!text.ok()) return text.status();
  Result<Json> json = parse_json(*text);
  if (json.ok()) return json;
  return Status(json.status().code(), directory.path_of(name) + ": " + json.status().message());
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

Status apply_files_beside(const WeightDirectory& directory, TokenizerSpec& spec) {
  for (const char* const name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const Result<Json> json = read_json_beside(directory, name);
    if (!json.ok()) return json.status();
    if (Status status = apply_tokenizer_config(*json, spec); !status.ok()) return status;
  }
  const Result<Json> generation = read_json_beside(directory, "generation_config.json");
  if (!generation.ok()) return generation.status();
  add_ends(*generation, spec);
  Result<std::string> jinja = directory.read("chat_template.jinja", kFileBytesMax);
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

Result<TokenizerSpec> read_tokenizer_json(const Json& json) {
  return JsonTokenizerReader(json).read(json);
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

Result<TokenizerSpec> read_tokenizer_json_file(const std::string& path) {
  const WeightPath parts = split_path(path);
  return read_tokenizer_json_file(parts.directory, parts.name);
}

Result<TokenizerSpec> read_tokenizer_json_file(const WeightDirectory& directory,
                                               const std::string& name) {
  const auto with_path = [&](const Status& status) {
    return Status(status.code(), directory.path_of(name) + ": " + status.message());
  };
  const Result<std::string> text = directory.read(name, kFileBytesMax);
  if (!text.ok()) return text.status();
  const Result<Json> json = parse_json(*text);
  if (!json.ok()) return with_path(json.status());
  Result<TokenizerSpec> spec = read_tokenizer_json(*json);
  if (!spec.ok()) return with_path(spec.status());
  const Status status = apply_files_beside(directory, *spec);
  if (!status.ok()) return with_path(status);
  add_named_ends(*spec);
  return spec;
}

}  // namespace llmos
