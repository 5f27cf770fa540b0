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
#include "format/tokenizer_config.h"
#include "format/tokenizer_json_steps.h"
#include "text/byte_tokens.h"
#include "text/tokenizer_check.h"

namespace llmos {
namespace {

// Ids that no token has: a few hundred where a vocabulary was padded or cut.
constexpr int64_t kUnnamedIdsMax = 1 << 16;

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
  std::optional<TokenMerge> merge_of(std::string_view left, std::string_view right) const;
  std::optional<TokenMerge> merge_of(std::string_view text) const;
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
  int64_t ids_end_ = 0;  // ids are below it, so that memory follows the file's size
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
  if (id < 0 || id >= ids_end_) {
    return fail(at.error("ids from 0 to " + std::to_string(ids_end_ - 1)));
  }
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
  ids_end_ = std::min<int64_t>(kTokensMax, int64_t(members.size()) + kUnnamedIdsMax);
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

// Nothing unless all three are tokens.
std::optional<TokenMerge> JsonTokenizerReader::merge_of(std::string_view left,
                                                        std::string_view right) const {
  const TokenMerge merge{find(left), find(right), find(std::string(left) + std::string(right))};
  if (merge.left == kNoToken || merge.right == kNoToken || merge.merged == kNoToken) {
    return std::nullopt;
  }
  return merge;
}

// "a b". Converters of 2023 wrote so also where tokens hold spaces; then the first of them counts
// that has a token on either side, though HF tokenizers refuses such files.
std::optional<TokenMerge> JsonTokenizerReader::merge_of(std::string_view text) const {
  constexpr int kSpacesMax = 64;
  std::optional<TokenMerge> merge;
  size_t space = text.find(' ');
  for (int tried = 0; !merge && space != text.npos && tried < kSpacesMax; ++tried) {
    merge = merge_of(text.substr(0, space), text.substr(space + 1));
    space = text.find(' ', space + 1);
  }
  return merge;
}

// Texts, or since 2024 pairs ["a", "b"].
void JsonTokenizerReader::read_merges(const JsonCursor& at) {
  for (const Json& item : take(at.items(), std::span<const Json>())) {
    const auto pair = item.items();
    std::optional<TokenMerge> merge;
    if (const std::string* const text = item.if_string()) {
      merge = merge_of(*text);
    } else if (pair.size() == 2 && pair[0].if_string() && pair[1].if_string()) {
      merge = merge_of(*pair[0].if_string(), *pair[1].if_string());
    }
    if (!merge) {
      return fail(at.error("pairs of tokens that make a token (merge " +
                           std::to_string(spec_.merges.size()) + " is none)"));
    }
    spec_.merges.push_back(*merge);
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
  ids_end_ = std::min<int64_t>(kTokensMax, int64_t(spec_.tokens.size() + count) + kUnnamedIdsMax);
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

}  // namespace

Result<TokenizerSpec> read_tokenizer_json(const Json& json) {
  return JsonTokenizerReader(json).read(json);
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
  const Result<std::string> text = directory.read(name, kTokenizerFileBytesMax);
  if (!text.ok()) return text.status();
  const Result<Json> json = parse_json(*text);
  if (!json.ok()) return with_path(json.status());
  Result<TokenizerSpec> spec = read_tokenizer_json(*json);
  if (!spec.ok()) return with_path(spec.status());
  const Status status = apply_files_beside(directory, *spec);
  if (!status.ok()) return with_path(status);
  return spec;
}

}  // namespace llmos
