// SPDX-License-Identifier: Apache-2.0
// The small trained vocabularies of tests/golden/tokenizers, by the parts that this folder has: a
// normaliser, a pre-tokenizer and byte-pair encoding.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/os_file.h"
#include "text/bpe.h"
#include "text/normalize.h"
#include "text/pretokenizer.h"
#include "text/token_table.h"

namespace llmos::test {

inline Result<Pretokenizer> named_pretokenizer(std::string_view name) {
  PretokenizerStep step{.kind = PretokenizerStep::Kind::kNamed};
  step.pattern = name;
  return Pretokenizer::create({&step, 1});
}

struct TrainedBpe {
  bool nfc = false;
  Pretokenizer pretokenizer;
  Bpe bpe;

  // `path` is a tokenizer.json that make_pretokenizers.py wrote; `name` its pre-tokenizer.
  static Result<TrainedBpe> load(std::string_view name, const std::string& path) {
    const Result<std::string> text = os::read_file(path, 64 << 20);
    if (!text.ok()) return text.status();
    const Result<Json> json = parse_json(*text);
    if (!json.ok()) return json.status();
    const Json& model = *json->find("model");
    std::vector<std::string> tokens(model.find("vocab")->members().size());
    for (const JsonMember& member : model.find("vocab")->members()) {
      tokens[size_t(*member.value.if_int64())] = member.key;
    }
    const TokenTable table(tokens);
    std::vector<TokenMerge> merges;
    for (const Json& pair : model.find("merges")->items()) {
      const std::string& left = *pair.items()[0].if_string();
      const std::string& right = *pair.items()[1].if_string();
      merges.push_back({table.find(left), table.find(right), table.find(left + right)});
    }
    BpeOptions options;
    options.ignore_merges = *model.find("ignore_merges")->if_bool();
    Result<Bpe> bpe = Bpe::create(tokens, merges, options);
    if (!bpe.ok()) return bpe.status();
    Result<Pretokenizer> pretokenizer = named_pretokenizer(name);
    if (!pretokenizer.ok()) return pretokenizer.status();
    const bool nfc = !json->find("normalizer")->is_null();
    return TrainedBpe{nfc, *std::move(pretokenizer), *std::move(bpe)};
  }

  std::vector<TokenId> encode(std::string_view text) const {
    std::vector<TokenId> ids;
    const std::string normal =
        nfc ? unicode::normalize(text, unicode::Form::kNfc) : std::string(text);
    pretokenizer.split(normal, [&](std::string_view piece) { bpe.encode(piece, &ids); });
    return ids;
  }
};

}  // namespace llmos::test
