// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_json_steps.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_cursor.h"
#include "base/text.h"
#include "text/tokenizer_check.h"

namespace llmos {
namespace {

// Sequences of sequences; real files have one level.
constexpr int kNestingMax = 8;

// Reads fields and keeps the first error, so that readers below need not ask after each.
class Fields {
 public:
  template <class T, class U>
  T take(Result<T> result, U otherwise) {
    if (result.ok()) return *std::move(result);
    if (status.ok()) status = result.status();
    return T(std::move(otherwise));
  }
  std::string text(const JsonCursor& at) { return std::string(take(at.string(), "")); }
  std::string text_or(const JsonCursor& at, std::string_view otherwise) {
    return std::string(take(at.string_or(otherwise), ""));
  }
  bool flag_or(const JsonCursor& at, bool otherwise) {
    return take(at.boolean_or(otherwise), otherwise);
  }
  void unsupported(const JsonCursor& at, std::string_view expected) {
    if (status.ok()) status = Status(Code::kUnsupported, at.error(expected).message());
  }
  void invalid(const JsonCursor& at, std::string_view expected) {
    if (status.ok()) status = at.error(expected);
  }

  Status status;
  size_t steps = 0;
};

// {"String": "x"} or {"Regex": "x"}.
struct Pattern {
  std::string text;
  bool regex = false;
};

Pattern read_pattern(const JsonCursor& at, Fields& fields) {
  if (at["Regex"].present()) return {fields.text(at["Regex"]), true};
  return {fields.text(at["String"]), false};
}

// Calls read(cursor, type) for a step, or for each of a Sequence's in turn.
template <class Read>
void for_each_step(const JsonCursor& at, std::string_view list, Fields& fields, Read&& read,
                   int depth = 0) {
  if (!at.present() || !fields.status.ok()) return;
  const std::string type = fields.text(at["type"]);
  if (!fields.status.ok()) return;
  if (type != "Sequence") {
    if (++fields.steps > kTokenizerStepsMax) return fields.invalid(at, "fewer steps");
    return read(at, type);
  }
  if (depth == kNestingMax) return fields.invalid(at, "sequences nested less deep");
  const size_t count = fields.take(at[list].items(), std::span<const Json>()).size();
  for (size_t i = 0; i < count; ++i) for_each_step(at[list][i], list, fields, read, depth + 1);
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[uint8_t(kAlphabet[i])] = int8_t(i);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (values[uint8_t(c)] < 0) return std::nullopt;
    bits = bits << 6 | uint32_t(values[uint8_t(c)]);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += char(bits >> count & 0xFF);
  }
  return bytes;
}

void read_normalizer(const JsonCursor& at, std::string_view type, Fields& fields,
                     TokenizerSpec& spec) {
  using Kind = NormalizerStep::Kind;
  NormalizerStep step{Kind::kPrepend};
  if (type == "Prepend") {
    step.content = fields.text(at["prepend"]);
  } else if (type == "Replace") {
    const Pattern pattern = read_pattern(at["pattern"], fields);
    step = {pattern.regex ? Kind::kReplaceRegex : Kind::kReplace, pattern.text};
    step.content = fields.text(at["content"]);
  } else if (type == "Strip") {
    step.kind = Kind::kStrip;
    step.left = fields.flag_or(at["strip_left"], true);
    step.right = fields.flag_or(at["strip_right"], true);
  } else if (type == "Precompiled") {
    step.kind = Kind::kCharsmap;
    auto bytes = decode_base64(fields.text_or(at["precompiled_charsmap"], ""));
    if (!bytes) fields.invalid(at["precompiled_charsmap"], "base64");
    if (bytes) step.content = *std::move(bytes);
  } else {
    static constexpr std::pair<std::string_view, Kind> kSimple[] = {
        {"NFC", Kind::kNfc},
        {"NFD", Kind::kNfd},
        {"NFKC", Kind::kNfkc},
        {"NFKD", Kind::kNfkd},
        {"Lowercase", Kind::kLowercase},
        {"StripAccents", Kind::kStripAccents},
    };
    bool known = false;
    for (const auto& [name, kind] : kSimple) {
      if (type != name) continue;
      step.kind = kind;
      known = true;
    }
    if (!known) {
      return fields.unsupported(at["type"],
                                "one of Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD, "
                                "Lowercase, StripAccents, Strip, Precompiled");
    }
  }
  spec.normalizer.push_back(std::move(step));
}

PretokenizerStep::Behavior read_behavior(const JsonCursor& at, Fields& fields) {
  using Behavior = PretokenizerStep::Behavior;
  static constexpr std::pair<std::string_view, Behavior> kNames[] = {
      {"Removed", Behavior::kRemoved},
      {"Isolated", Behavior::kIsolated},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous},
  };
  const std::string name = fields.text_or(at, "Isolated");
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  fields.invalid(at, "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  return Behavior::kIsolated;
}

// Older files have add_prefix_space instead of prepend_scheme.
PretokenizerStep::PrependScheme read_scheme(const JsonCursor& at, Fields& fields) {
  using Scheme = PretokenizerStep::PrependScheme;
  const bool prefix = fields.flag_or(at["add_prefix_space"], true);
  const std::string scheme = fields.text_or(at["prepend_scheme"], prefix ? "always" : "never");
  if (scheme == "first") return Scheme::kFirst;
  if (scheme == "never") return Scheme::kNever;
  if (scheme != "always") fields.invalid(at["prepend_scheme"], "always, first or never");
  return Scheme::kAlways;
}

void read_pretokenizer(const JsonCursor& at, std::string_view type, Fields& fields,
                       TokenizerSpec& spec) {
  using Kind = PretokenizerStep::Kind;
  PretokenizerStep step{Kind::kByteLevel};
  if (type == "ByteLevel") {
    step.add_prefix_space = fields.flag_or(at["add_prefix_space"], true);
    step.use_regex = fields.flag_or(at["use_regex"], true);
  } else if (type == "Split") {
    Pattern pattern = read_pattern(at["pattern"], fields);
    step.kind = pattern.regex ? Kind::kSplitRegex : Kind::kSplit;
    step.pattern = std::move(pattern.text);
    step.behavior = read_behavior(at["behavior"], fields);
    step.invert = fields.flag_or(at["invert"], false);
  } else if (type == "CharDelimiterSplit") {
    step.kind = Kind::kSplit;
    step.pattern = fields.text(at["delimiter"]);
    step.behavior = PretokenizerStep::Behavior::kRemoved;
  } else if (type == "Digits") {
    step.kind = Kind::kDigits;
    step.individual = fields.flag_or(at["individual_digits"], false);
  } else if (type == "Punctuation") {
    step.kind = Kind::kPunctuation;
    step.behavior = read_behavior(at["behavior"], fields);
  } else if (type == "Metaspace") {
    step.kind = Kind::kMetaspace;
    step.pattern = fields.text(at["replacement"]);
    step.split = fields.flag_or(at["split"], true);
    step.prepend = read_scheme(at, fields);
  } else if (type == "Whitespace" || type == "WhitespaceSplit") {
    step.kind = type == "Whitespace" ? Kind::kWhitespace : Kind::kWhitespaceSplit;
  } else {
    return fields.unsupported(at["type"],
                              "one of Sequence, ByteLevel, Split, CharDelimiterSplit, Digits, "
                              "Punctuation, Metaspace, Whitespace, WhitespaceSplit");
  }
  spec.pretokenizer.push_back(std::move(step));
}

// The ids of {"SpecialToken": {"id": "<s>"}} as the template's own table has them.
void append_template_ids(const JsonCursor& at, const JsonCursor& table, Fields& fields,
                         std::vector<TokenId>& ids) {
  const JsonCursor list = table[fields.text(at["id"])]["ids"];
  const size_t count = fields.take(list.items(), std::span<const Json>()).size();
  if (ids.size() + count > kSurroundingIdsMax) return fields.invalid(list, "fewer ids");
  for (size_t i = 0; i < count; ++i) {
    ids.push_back(TokenId(fields.take(list[i].integer(0, INT32_MAX), 0)));
  }
}

// One template may stand inside another's: its own tokens go inside.
void wrap(TokenizerSpec& spec, std::vector<TokenId> before, const std::vector<TokenId>& behind) {
  before.insert(before.end(), spec.prefix.begin(), spec.prefix.end());
  spec.prefix = std::move(before);
  spec.suffix.insert(spec.suffix.end(), behind.begin(), behind.end());
}

void read_template(const JsonCursor& at, Fields& fields, TokenizerSpec& spec) {
  std::vector<TokenId> before;
  std::vector<TokenId> behind;
  size_t sequences = 0;
  const size_t count = fields.take(at["single"].items(), std::span<const Json>()).size();
  for (size_t i = 0; i < count; ++i) {
    const JsonCursor piece = at["single"][i];
    if (piece["Sequence"].present()) {
      ++sequences;
    } else {
      append_template_ids(piece["SpecialToken"], at["special_tokens"], fields,
                          sequences == 0 ? before : behind);
    }
  }
  if (sequences != 1) fields.unsupported(at["single"], "a template with the text in it once");
  wrap(spec, std::move(before), behind);
}

void read_processor(const JsonCursor& at, std::string_view type, Fields& fields,
                    TokenizerSpec& spec) {
  if (type == "ByteLevel") return;  // changes offsets only, which we do not keep
  if (type == "TemplateProcessing") return read_template(at, fields, spec);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    const auto id = [&](std::string_view name) {
      return TokenId(fields.take(at[name][1].integer(0, INT32_MAX), 0));
    };
    return wrap(spec, {id("cls")}, {id("sep")});
  }
  fields.unsupported(at["type"],
                     "one of Sequence, TemplateProcessing, ByteLevel, RobertaProcessing, "
                     "BertProcessing");
}

void read_decoder(const JsonCursor& at, std::string_view type, Fields& fields,
                  TokenizerSpec& spec) {
  using Kind = DecoderStep::Kind;
  DecoderStep step{Kind::kFuse};
  if (type == "ByteLevel" || type == "ByteFallback") {
    step.kind = type == "ByteLevel" ? Kind::kByteLevel : Kind::kByteFallback;
  } else if (type == "Replace") {
    Pattern pattern = read_pattern(at["pattern"], fields);
    if (pattern.regex) fields.unsupported(at["pattern"], "a String");
    step = {Kind::kReplace, std::move(pattern.text), fields.text(at["content"])};
  } else if (type == "Strip") {
    step.kind = Kind::kStrip;
    step.content = fields.text(at["content"]);
    step.start = uint32_t(fields.take(at["start"].natural(UINT32_MAX), 0u));
    step.stop = uint32_t(fields.take(at["stop"].natural(UINT32_MAX), 0u));
    if (step.content.empty()) fields.invalid(at["content"], "a character");
  } else if (type == "Metaspace") {
    step = {Kind::kMetaspace, fields.text(at["replacement"])};
    step.drop_first = read_scheme(at, fields) != PretokenizerStep::PrependScheme::kNever;
  } else if (type != "Fuse") {
    return fields.unsupported(at["type"],
                              "one of Sequence, ByteLevel, ByteFallback, Fuse, Metaspace, Replace, "
                              "Strip");
  }
  spec.decoder.push_back(std::move(step));
}

using ReadStep = void(const JsonCursor& at, std::string_view type, Fields& fields,
                      TokenizerSpec& spec);

// The steps under `key`; a Sequence of them has them in `list`.
Status read_steps(const Json& json, std::string_view key, std::string_view list, ReadStep& read,
                  TokenizerSpec& spec) {
  Fields fields;
  for_each_step(JsonCursor(json, "tokenizer")[key], list, fields,
                [&](const JsonCursor& at, std::string_view type) { read(at, type, fields, spec); });
  return fields.status;
}

}  // namespace

Status read_normalizer_steps(const Json& json, TokenizerSpec& spec) {
  return read_steps(json, "normalizer", "normalizers", read_normalizer, spec);
}

Status read_pretokenizer_steps(const Json& json, TokenizerSpec& spec) {
  return read_steps(json, "pre_tokenizer", "pretokenizers", read_pretokenizer, spec);
}

Status read_post_processor(const Json& json, TokenizerSpec& spec) {
  return read_steps(json, "post_processor", "processors", read_processor, spec);
}

Status read_decoder_steps(const Json& json, TokenizerSpec& spec) {
  if (!JsonCursor(json, "tokenizer")["decoder"].present()) {
    spec.decoder.push_back({DecoderStep::Kind::kSpaces});
  }
  return read_steps(json, "decoder", "decoders", read_decoder, spec);
}

}  // namespace llmos
