// SPDX-License-Identifier: Apache-2.0
#include "text/normalizer.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "text/normalize.h"
#include "text/replace.h"
#include "text/unicode.h"

namespace llmos {
namespace {

using Kind = NormalizerStep::Kind;

std::string strip(std::string_view text, bool left, bool right) {
  while (left && !text.empty()) {
    const auto first = unicode::decode(text);
    if (!unicode::is_space(first.code_point)) break;
    text.remove_prefix(first.bytes);
  }
  while (right && !text.empty()) {
    const auto last = unicode::decode_last(text);
    if (!unicode::is_space(last.code_point)) break;
    text.remove_suffix(last.bytes);
  }
  return std::string(text);
}

std::string replace_matches(std::string_view text, const Regex& regex, std::string_view content) {
  std::string out;
  size_t done = 0;
  regex.for_each_match(text, [&](size_t begin, size_t end) {
    out.append(text, done, begin - done);
    out += content;
    done = end;
  });
  out.append(text, done);
  return out;
}

bool begins_with_match(std::string_view text, const Regex& regex) {
  bool begins = false;
  regex.for_each_match(
      text, [&](size_t begin, size_t end) { begins = begins || (begin == 0 && end > 0); });
  return begins;
}

// Bytes that one byte of a text can become.
size_t growth_max(const NormalizerStep& step) {
  switch (step.kind) {
    case Kind::kReplace:
      if (step.content.size() <= step.pattern.size() || step.pattern.empty()) return 1;
      return (step.content.size() + step.pattern.size() - 1) / step.pattern.size();
    case Kind::kReplaceRegex:
      return step.content.size() + 1;  // a match may be empty
    case Kind::kNfc:
    case Kind::kNfd:
      return 3;  // of Unicode's table of maximum expansion factors, like the next
    case Kind::kNfkc:
    case Kind::kNfkd:
      return 11;
    case Kind::kLowercase:
      return 2;  // U+023A has 2 bytes, its small letter 3
    default:
      return 1;
  }
}

// Hangul syllables that are taken apart: which may stand behind which (UAX #29, GB6 to GB8).
enum class Hangul : uint8_t { kNone, kLead, kVowel, kTail };

// `first`: as what the character ends; else as what it begins.
Hangul hangul(char32_t c, bool first) {
  if ((c >= 0x1100 && c <= 0x115F) || (c >= 0xA960 && c <= 0xA97C)) return Hangul::kLead;
  if ((c >= 0x1160 && c <= 0x11A7) || (c >= 0xD7B0 && c <= 0xD7C6)) return Hangul::kVowel;
  if ((c >= 0x11A8 && c <= 0x11FF) || (c >= 0xD7CB && c <= 0xD7FB)) return Hangul::kTail;
  if (c < 0xAC00 || c > 0xD7A3) return Hangul::kNone;
  if (!first) return Hangul::kVowel;  // behind a lead, like a vowel
  return (c - 0xAC00) % 28 == 0 ? Hangul::kVowel : Hangul::kTail;
}

bool joins_hangul(char32_t first, char32_t next) {
  const Hangul a = hangul(first, true);
  const Hangul b = hangul(next, false);
  const bool syllable = next >= 0xAC00 && next <= 0xD7A3;
  if (a == Hangul::kLead) return b == Hangul::kLead || b == Hangul::kVowel;
  if (a == Hangul::kVowel) return (b == Hangul::kVowel && !syllable) || b == Hangul::kTail;
  return a == Hangul::kTail && b == Hangul::kTail;
}

// Behind anything else than a control these go on with its grapheme cluster, as far as clusters of
// up to 5 bytes are concerned (UAX #29, Extend and SpacingMark): marks but for some spacing ones of
// Myanmar and its neighbours, joiners, the colours of emoji, tags, and four vowels.
bool continues_cluster(char32_t c) {
  if (c == 0x200C || c == 0x200D || c == 0x0E33 || c == 0x0EB3 || c == 0xFF9E || c == 0xFF9F) {
    return true;
  }
  if ((c >= 0x1F3FB && c <= 0x1F3FF) || (c >= 0xE0020 && c <= 0xE007F)) return true;
  if (!unicode::is(unicode::kMark, c)) return false;
  const bool apart = c == 0x102B || c == 0x102C || c == 0x1038 || (c >= 0x1062 && c <= 0x1064) ||
                     (c >= 0x1067 && c <= 0x106D) || c == 0x1083 || (c >= 0x1087 && c <= 0x108C) ||
                     c == 0x108F || (c >= 0x109A && c <= 0x109C) || c == 0x1A61 || c == 0x1A63 ||
                     c == 0x1A64 || c == 0xAA7B || c == 0xAA7D || c == 0x11720 || c == 0x11721;
  return !apart;
}

// These begin a cluster with whatever stands behind them (Prepend).
bool begins_any_cluster(char32_t c) {
  return (c >= 0x600 && c <= 0x605) || c == 0x6DD || c == 0x70F || c == 0x890 || c == 0x891 ||
         c == 0x8E2 || c == 0x0D4E || c == 0x110BD || c == 0x110CD || c == 0x111C2 ||
         c == 0x111C3 || c == 0x1193F || c == 0x11941 || c == 0x11A3A ||
         (c >= 0x11A84 && c <= 0x11A89) || c == 0x11D46 || c == 0x11F02;
}

bool is_control(char32_t c) {
  using unicode::Category;
  constexpr auto kControls = unicode::bit(Category::kCc) | unicode::bit(Category::kCf) |
                             unicode::bit(Category::kZl) | unicode::bit(Category::kZp);
  return unicode::is(kControls, c) && !continues_cluster(c) && !begins_any_cluster(c);
}

// Bytes of the first cluster of `text`, or any number above `bytes_max`.
size_t cluster_bytes(std::string_view text, size_t bytes_max) {
  if (text.starts_with("\r\n")) return 2;
  auto last = unicode::decode(text);
  size_t bytes = last.bytes;
  if (is_control(last.code_point)) return bytes;
  while (bytes < text.size() && bytes <= bytes_max) {
    const auto next = unicode::decode(text.substr(bytes));
    const bool joined = continues_cluster(next.code_point) ||
                        joins_hangul(last.code_point, next.code_point) ||
                        (begins_any_cluster(last.code_point) && !is_control(next.code_point));
    if (!joined) break;
    bytes += next.bytes;
    last = next;
  }
  return bytes;
}

// As HF tokenizers applies the table, which is not as sentencepiece does: short clusters and single
// characters are replaced whole, by the entry of their shortest beginning.
std::string apply_charsmap(std::string_view text, const Charsmap& map) {
  constexpr size_t kClusterBytesMax = 5;
  std::string out;
  while (!text.empty()) {
    const size_t cluster = cluster_bytes(text, kClusterBytesMax);
    const bool is_short = cluster <= kClusterBytesMax;
    const auto match = is_short ? map.shortest(text.substr(0, cluster)) : std::nullopt;
    if (match) {
      out += match->replacement;
      text.remove_prefix(cluster);
      continue;
    }
    // Character by character up to the end of this cluster, however long it is.
    for (size_t done = 0, end = cluster_bytes(text, text.size()); done < end;) {
      const size_t bytes = unicode::decode(text).bytes;
      const auto single = map.shortest(text.substr(0, bytes));
      out += single ? single->replacement : text.substr(0, bytes);
      text.remove_prefix(bytes);
      done += bytes;
    }
  }
  return out;
}

std::vector<ByteTrie::Key> texts_kept_whole(const TokenizerSpec& spec) {
  std::vector<bool> is_added(spec.tokens.size());
  for (const AddedToken& token : spec.added_tokens) is_added[size_t(token.id)] = true;
  std::vector<ByteTrie::Key> keys;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.types[id] != TokenType::kUserDefined || is_added[id]) continue;
    keys.push_back({spec.tokens[id], int32_t(id)});
  }
  return keys;
}

}  // namespace

Result<Normalizer> Normalizer::create(const TokenizerSpec& spec) {
  Normalizer normalizer;
  size_t growth = 1;
  for (const NormalizerStep& step : spec.normalizer) {
    size_t factor = growth_max(step);
    normalizer.steps_.push_back({step, {}});
    auto& tool = normalizer.steps_.back().tool;
    if (step.kind == Kind::kReplaceRegex) {
      Result<Regex> regex = Regex::compile(step.pattern);
      if (!regex.ok()) return regex.status();
      tool = *std::move(regex);
    } else if (step.kind == Kind::kCharsmap) {
      Result<Charsmap> charsmap = Charsmap::parse(step.content);
      if (!charsmap.ok()) return charsmap.status();
      factor = std::max<size_t>(charsmap->replacement_bytes_max(), 1);
      tool = *std::move(charsmap);
    } else if (step.kind == Kind::kSentencepiece) {
      auto made = SentencepieceNormalizer::create(step, texts_kept_whole(spec));
      if (!made.ok()) return made.status();
      factor = made->growth_max();
      tool = *std::move(made);
    }
    growth *= std::min(factor, kGrowthMax + 1);
    if (growth > kGrowthMax) {
      return Status(
          Code::kExhausted,
          "tokenizer: normalizer: expected steps that let a text grow at most 4096 times");
    }
  }
  return normalizer;
}

std::string Normalizer::apply(std::string_view text) const {
  bool keeps_begin = true;
  return apply(text, keeps_begin);
}

std::string Normalizer::apply(std::string_view text, bool& keeps_begin) const {
  std::string out(text);
  size_t first_bytes = text.empty() ? 0 : unicode::decode(text).bytes;
  for (const Step& step : steps_) {
    if (!out.empty() && drops_begin(step, out, first_bytes)) keeps_begin = false;
    const size_t first_bytes_then = apply_step(step, out.substr(0, first_bytes)).size();
    out = apply_step(step, out);
    first_bytes = std::min(first_bytes_then, out.size());
  }
  return out;
}

// Whether the first character of the text that was given, of which there are `first_bytes` left at
// the beginning of `text`, becomes nothing.
bool Normalizer::drops_begin(const Step& step, std::string_view text, size_t first_bytes) {
  const auto first = unicode::decode(text);
  switch (step.step.kind) {
    case Kind::kStrip:
      return step.step.left && strip(text.substr(0, first_bytes), true, false).empty();
    case Kind::kStripAccents:
      return unicode::is(unicode::kMark, first.code_point);
    case Kind::kReplace:
      return step.step.content.empty() && !step.step.pattern.empty() &&
             text.starts_with(step.step.pattern);
    case Kind::kCharsmap:
      return apply_charsmap(text.substr(0, first.bytes), std::get<Charsmap>(step.tool)).empty();
    case Kind::kReplaceRegex:
      return step.step.content.empty() && begins_with_match(text, std::get<Regex>(step.tool));
    default:
      return false;
  }
}

std::string Normalizer::apply_step(const Step& step, const std::string& text) {
  switch (step.step.kind) {
    case Kind::kPrepend:
      return text.empty() ? text : step.step.content + text;
    case Kind::kReplace:
      return replace_all(text, step.step.pattern, step.step.content);
    case Kind::kReplaceRegex:
      return replace_matches(text, std::get<Regex>(step.tool), step.step.content);
    case Kind::kStripAccents:
      return unicode::strip_marks(text);
    case Kind::kStrip:
      return strip(text, step.step.left, step.step.right);
    case Kind::kCharsmap:
      return apply_charsmap(text, std::get<Charsmap>(step.tool));
    case Kind::kSentencepiece:
      return std::get<SentencepieceNormalizer>(step.tool).apply(text);
    case Kind::kLowercase:
      return unicode::lowercase(text);
    case Kind::kNfc:
      return unicode::normalize(text, unicode::Form::kNfc);
    case Kind::kNfd:
      return unicode::normalize(text, unicode::Form::kNfd);
    case Kind::kNfkc:
      return unicode::normalize(text, unicode::Form::kNfkc);
    case Kind::kNfkd:
      return unicode::normalize(text, unicode::Form::kNfkd);
  }
  return text;
}

}  // namespace llmos
