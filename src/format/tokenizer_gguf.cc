// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_gguf.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "format/end_tokens.h"
#include "text/pretokenizer.h"

namespace llmos {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
using Ids = std::unordered_map<std::string_view, TokenId>;

std::string key(std::string_view name) { return "tokenizer.ggml." + std::string(name); }

// What a file that does not say so means, by its tokenizer.ggml.model.
struct Defaults {
  TokenizerModel model;
  bool add_bos;
  bool add_eos;
  TokenId bos;
  TokenId eos;
  TokenId unknown;
};

std::optional<Defaults> defaults_of(std::string_view model) {
  if (model == "llama") return Defaults{TokenizerModel::kSpm, true, false, 1, 2, 0};
  if (model == "t5") return Defaults{TokenizerModel::kUnigram, false, true, kNoToken, 1, 2};
  if (model != "gpt2") return std::nullopt;
  return Defaults{TokenizerModel::kBpe, false, false, kNoToken, kNoToken, kNoToken};
}

class GgufTokenizerReader {
 public:
  explicit GgufTokenizerReader(const GgufMetadata& metadata) : metadata_(metadata) {}

  Result<TokenizerSpec> read() {
    read_model();
    read_tokens();
    read_special_ids();
    if (spec_.model == TokenizerModel::kBpe) {
      read_pretokenizer();
      read_merges();
      spec_.decoder = {{DecoderStep::Kind::kByteLevel}, {DecoderStep::Kind::kFuse}};
    } else {
      read_sentencepiece();
    }
    add_tokens();
    read_surroundings();
    read_chat_templates();
    if (!status_.ok()) return status_;
    return std::move(spec_);
  }

 private:
  // The value, or `otherwise` after an error, which is kept.
  template <class T, class U>
  T take(Result<T> result, U&& otherwise) {
    if (result.ok()) return *std::move(result);
    if (status_.ok()) status_ = result.status();
    return std::forward<U>(otherwise);
  }

  void read_model();
  void read_tokens();
  void read_special_ids();
  void read_pretokenizer();
  void read_merges();
  void read_sentencepiece();
  void add_tokens();
  void read_surroundings();
  void read_chat_templates();
  std::optional<TokenId> special_id(std::string_view name, TokenId otherwise);

  const GgufMetadata& metadata_;
  Status status_;
  TokenizerSpec spec_;
  Defaults defaults_{};
  Ids ids_;
};

void GgufTokenizerReader::read_model() {
  const auto model = take(metadata_.string(key("model")), std::string_view());
  const auto defaults = defaults_of(model);
  if (!status_.ok()) return;
  if (!defaults) {
    status_ = Status(Code::kUnsupported,
                     metadata_.error(key("model"), "one of llama, gpt2, t5").message());
    return;
  }
  defaults_ = *defaults;
  spec_.model = defaults->model;
}

void GgufTokenizerReader::read_tokens() {
  if (!status_.ok()) return;
  const auto tokens = take(metadata_.strings(key("tokens")), GgufStrings());
  for (const std::string_view token : tokens) spec_.tokens.emplace_back(token);
  for (size_t id = 0; id < spec_.tokens.size(); ++id) ids_[spec_.tokens[id]] = TokenId(id);
  if (metadata_.has(key("scores")) || spec_.model != TokenizerModel::kBpe) {
    spec_.scores = take(metadata_.numbers(key("scores")), GgufArray<double>()).to_vector();
  }
  if (!metadata_.has(key("token_type"))) {
    spec_.types.assign(spec_.tokens.size(), TokenType::kNormal);
    return;
  }
  const auto types = take(metadata_.integers(key("token_type")), GgufArray<int64_t>());
  for (size_t id = 0; id < types.size() && status_.ok(); ++id) {
    const bool known = types[id] >= 1 && types[id] <= int64_t(TokenType::kByte);
    // llama.cpp reads 0, which old converters wrote, as a token without any property.
    if (!known && types[id] != 0) status_ = metadata_.error(key("token_type"), "types from 0 to 6");
    spec_.types.push_back(known ? TokenType(types[id]) : TokenType::kNormal);
  }
  if (status_.ok() && types.size() != spec_.tokens.size()) {
    status_ = metadata_.error(key("token_type"), "a type for each token");
  }
}

std::optional<TokenId> GgufTokenizerReader::special_id(std::string_view name, TokenId otherwise) {
  const std::string full = key(name);
  // 2^32 - 1 is how converters write "none".
  const int64_t id = take(metadata_.integer_or(full, otherwise, -1, UINT32_MAX), otherwise);
  if (id >= 0 && id < int64_t(spec_.tokens.size())) return TokenId(id);
  const bool none = id < 0 || id == int64_t(UINT32_MAX) || !metadata_.has(full);
  if (!none && status_.ok()) status_ = metadata_.error(full, "the id of a token");
  return std::nullopt;
}

void GgufTokenizerReader::read_special_ids() {
  if (!status_.ok()) return;
  spec_.bos = special_id("bos_token_id", defaults_.bos);
  spec_.eos = special_id("eos_token_id", defaults_.eos);
  spec_.unknown = special_id("unknown_token_id", defaults_.unknown);
  spec_.padding = special_id("padding_token_id", kNoToken);
  std::vector<TokenId>& ends = spec_.end_of_generation;
  for (const auto id :
       {spec_.eos, special_id("eot_token_id", kNoToken), special_id("eom_token_id", kNoToken)}) {
    if (id) ends.push_back(*id);
  }
  for (const std::string_view text : kEndTokens) {
    const auto found = ids_.find(text);
    if (found == ids_.end()) continue;
    // Such a token is control, whatever the file says: converters have got it wrong.
    spec_.types[size_t(found->second)] = TokenType::kControl;
    ends.push_back(found->second);
  }
  drop_false_ends(spec_.tokens, ends);
}

void GgufTokenizerReader::read_pretokenizer() {
  if (!status_.ok()) return;
  const auto name = take(metadata_.string_or(key("pre"), "default"), std::string_view());
  if (!named_pretokenizer(name)) {
    status_ = Status(Code::kUnsupported,
                     metadata_.error(key("pre"), "a pre-tokenizer that is known").message());
    return;
  }
  spec_.pretokenizer = {{PretokenizerStep::Kind::kNamed, std::string(name)}};
  // The families whose tokenizer.json has ignore_merges, and those with a BOS by default.
  static constexpr std::string_view kIgnoreMerges[] = {
      "llama3",  "llama-v3", "llama-bpe", "falcon3", "falcon-h1",
      "pixtral", "midm-2.0", "lfm2",      "tekken",  "youtu"};
  static constexpr std::string_view kNoBos[] = {"youtu"};
  const auto is_one_of = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  spec_.ignore_merges = is_one_of(kIgnoreMerges);
  defaults_.add_bos = (spec_.ignore_merges && !is_one_of(kNoBos)) || name == "chameleon";
}

void GgufTokenizerReader::read_merges() {
  if (!status_.ok()) return;
  for (const std::string_view merge : take(metadata_.strings(key("merges")), GgufStrings())) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos) continue;
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    const auto find = [&](std::string_view text) {
      const auto found = ids_.find(text);
      return found == ids_.end() ? kNoToken : found->second;
    };
    const TokenMerge ids{find(left), find(right), find(std::string(left) + std::string(right))};
    // A merge of what is no token, or into what is none, can have no result.
    if (ids.left == kNoToken || ids.right == kNoToken || ids.merged == kNoToken) continue;
    spec_.merges.push_back(ids);
  }
}

void GgufTokenizerReader::read_sentencepiece() {
  if (!status_.ok()) return;
  const bool spm = spec_.model == TokenizerModel::kSpm;
  const bool prefix = take(metadata_.boolean_or(key("add_space_prefix"), spm), false);
  if (spm) {
    if (prefix) {
      spec_.normalizer.push_back({NormalizerStep::Kind::kPrepend, "", std::string(kSpace)});
    }
    spec_.normalizer.push_back({NormalizerStep::Kind::kReplace, " ", std::string(kSpace)});
  } else {
    NormalizerStep step{NormalizerStep::Kind::kSentencepiece};
    step.add_dummy_prefix = prefix;
    step.remove_extra_whitespaces =
        take(metadata_.boolean_or(key("remove_extra_whitespaces"), false), false);
    step.whitespace_as_suffix =
        take(metadata_.boolean_or(key("treat_whitespace_as_suffix"), false), false);
    if (metadata_.has(key("precompiled_charsmap"))) {
      const auto map = take(metadata_.integers(key("precompiled_charsmap")), GgufArray<int64_t>());
      for (size_t i = 0; i < map.size(); ++i) step.content += char(uint8_t(map[i]));
    }
    spec_.normalizer.push_back(std::move(step));
  }
  spec_.byte_fallback = true;
  spec_.fuse_unknown = true;
  spec_.decoder = {{DecoderStep::Kind::kReplace, std::string(kSpace), " "},
                   {DecoderStep::Kind::kByteFallback},
                   {DecoderStep::Kind::kFuse}};
  if (prefix) spec_.decoder.push_back({DecoderStep::Kind::kStrip, "", " ", 1});
  // A reader sees where the model wrote what it has no token for.
  if (spec_.unknown) spec_.unknown_text = spec_.tokens[*spec_.unknown];
}

void GgufTokenizerReader::add_tokens() {
  if (!status_.ok()) return;
  spec_.decode_added_raw = true;
  spec_.added_token_order = AddedTokenOrder::kLongestFirst;
  // The one attribute that the format cannot say: Phi-3's tokens take the white space behind them.
  std::string name(take(metadata_.string_or("general.name", ""), std::string_view()));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return char(std::tolower(uint8_t(c))); });
  const bool phi3 = name.find("phi-3") != name.npos || name.find("phi3") != name.npos;
  for (size_t id = 0; id < spec_.tokens.size(); ++id) {
    const TokenType type = spec_.types[id];
    const bool user_defined = type == TokenType::kUserDefined;
    if (!user_defined && type != TokenType::kControl && type != TokenType::kUnknown) continue;
    const std::string& text = spec_.tokens[id];
    const bool rstrip = phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    AddedToken added{TokenId(id), text};
    added.special = !user_defined;
    added.rstrip = rstrip;
    spec_.added_tokens.push_back(std::move(added));
  }
}

void GgufTokenizerReader::read_surroundings() {
  if (!status_.ok()) return;
  const bool add_bos = take(metadata_.boolean_or(key("add_bos_token"), defaults_.add_bos), false);
  const bool add_eos = take(metadata_.boolean_or(key("add_eos_token"), defaults_.add_eos), false);
  if (add_bos && spec_.bos) spec_.prefix.push_back(*spec_.bos);
  if (add_eos && spec_.eos) spec_.suffix.push_back(*spec_.eos);
}

void GgufTokenizerReader::read_chat_templates() {
  if (!status_.ok()) return;
  constexpr std::string_view kKey = "tokenizer.chat_template";
  if (metadata_.has(kKey)) {
    spec_.chat_templates.push_back(
        {"default", std::string(take(metadata_.string(kKey), std::string_view()))});
  }
  if (!metadata_.has("tokenizer.chat_templates")) return;
  for (const std::string_view name :
       take(metadata_.strings("tokenizer.chat_templates"), GgufStrings())) {
    const std::string full = std::string(kKey) + "." + std::string(name);
    spec_.chat_templates.push_back(
        {std::string(name), std::string(take(metadata_.string(full), std::string_view()))});
  }
}

}  // namespace

Result<TokenizerSpec> read_gguf_tokenizer(const GgufMetadata& metadata) {
  return GgufTokenizerReader(metadata).read();
}

}  // namespace llmos
