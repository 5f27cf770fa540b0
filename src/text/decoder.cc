// SPDX-License-Identifier: Apache-2.0
#include "text/decoder.h"

#include <optional>

#include "base/text.h"
#include "text/byte_level.h"
#include "text/byte_tokens.h"
#include "text/replace.h"

namespace llmos {
namespace {

using Kind = DecoderStep::Kind;

void strip(std::string& text, const DecoderStep& step) {
  std::string_view rest = text;
  for (uint32_t i = 0; i < step.start && rest.starts_with(step.content); ++i) {
    rest.remove_prefix(step.content.size());
  }
  for (uint32_t i = 0; i < step.stop && rest.ends_with(step.content); ++i) {
    rest.remove_suffix(step.content.size());
  }
  text = std::string(rest);
}

// A token's bytes may be longer than its text, by a step that writes a word for a character; but
// all together not by more than this.
constexpr size_t kGrowthMax = 16;
constexpr size_t kTokenBytesMax = size_t{1} << 20;

// Ends early with a text that is longer than kTokenBytesMax.
std::string decode_token(std::string text, const std::vector<DecoderStep>& steps) {
  for (const DecoderStep& step : steps) {
    if (text.size() > kTokenBytesMax) break;
    switch (step.kind) {
      case Kind::kByteLevel:
        if (auto bytes = from_byte_level(text)) text = *std::move(bytes);
        break;
      case Kind::kReplace:
        text = replace_all(text, step.pattern, step.content);
        break;
      case Kind::kByteFallback:
        if (const auto byte = byte_of_token(text)) text = std::string(1, char(*byte));
        break;
      case Kind::kStrip:
        strip(text, step);
        break;
      case Kind::kMetaspace:
      case Kind::kSpaces:
      case Kind::kFuse:
        break;
    }
  }
  return text;
}

// Which tokens skip_special leaves out: sentencepiece writes something for the unknown token.
std::vector<bool> special_tokens(const TokenizerSpec& spec) {
  std::vector<bool> special(spec.tokens.size());
  for (size_t id = 0; id < special.size(); ++id) {
    const bool unknown = spec.types[id] == TokenType::kUnknown && spec.unknown_text.empty();
    special[id] = unknown || spec.types[id] == TokenType::kControl;
  }
  for (const AddedToken& token : spec.added_tokens) {
    if (token.special && spec.types[size_t(token.id)] != TokenType::kUnknown) {
      special[size_t(token.id)] = true;
    }
  }
  return special;
}

bool is_raw(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUserDefined ||
         type == TokenType::kUnknown;
}

}  // namespace

Result<Decoder> Decoder::create(const TokenizerSpec& spec) {
  Decoder decoder;
  std::vector<DecoderStep> steps;
  bool fused = false;
  bool first_differs = false;
  for (DecoderStep step : spec.decoder) {
    if (step.kind == Kind::kFuse) {
      fused = true;
    } else if (step.kind == Kind::kSpaces) {
      decoder.spaces_ = true;
    } else if (!fused) {
      const bool metaspace = step.kind == Kind::kMetaspace;
      first_differs = first_differs || (metaspace && step.drop_first);
      decoder.first_steps_.push_back(
          metaspace ? DecoderStep{Kind::kReplace, step.pattern, step.drop_first ? "" : " "} : step);
      steps.push_back(metaspace ? DecoderStep{Kind::kReplace, step.pattern, " "} : step);
    } else if (step.kind == Kind::kStrip && step.stop == 0 && !step.content.empty() &&
               decoder.strip_.empty()) {
      decoder.strip_ = step.content;
      decoder.strip_count_ = step.start;
    } else {
      return Status(Code::kUnsupported,
                    "tokenizer: decoder: behind Fuse expected nothing but one Strip at the "
                    "beginning of the text; such a decoder cannot stream");
    }
  }
  if (!first_differs) decoder.first_steps_.clear();
  decoder.special_ = special_tokens(spec);
  size_t bytes_max = kTokenBytesMax;
  for (const std::string& token : spec.tokens) bytes_max += kGrowthMax * token.size();
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (decoder.bytes_.size() > bytes_max) {
      return Status(Code::kExhausted,
                    "tokenizer: decoder: expected steps that leave tokens short, found some that "
                    "make them more than 16 times as long");
    }
    decoder.begins_.push_back(decoder.bytes_.size());
    if (spec.types[id] == TokenType::kUnknown && !spec.unknown_text.empty()) {
      decoder.bytes_ += spec.unknown_text;
      decoder.kept_whole_ = TokenId(id);
    } else if (spec.decode_added_raw && is_raw(spec.types[id])) {
      decoder.bytes_ += spec.tokens[id];
    } else {
      decoder.bytes_ += decode_token(spec.tokens[id], steps);
    }
  }
  decoder.begins_.push_back(decoder.bytes_.size());
  return decoder;
}

void Decoder::append(TokenId id, std::string_view token, Place& place, std::string& bytes) const {
  if (place.first) place.strip_left = strip_count_;
  if (!place.first && spaces_) bytes += ' ';
  std::string first;
  std::string_view text = bytes_of(id);
  if (place.first && !first_steps_.empty()) {
    text = first = decode_token(std::string(token), first_steps_);
  }
  place.first = false;
  if (id == kept_whole_) place.strip_left = 0;
  for (; place.strip_left > 0 && text.starts_with(strip_); --place.strip_left) {
    text.remove_prefix(strip_.size());
  }
  if (!text.empty()) place.strip_left = 0;
  bytes += text;
}

}  // namespace llmos
