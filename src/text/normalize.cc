// SPDX-License-Identifier: Apache-2.0
#include "text/normalize.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace llmos::unicode {
namespace {

namespace tables = unicode_tables;

// Hangul syllables by arithmetic (the Unicode standard, section 3.12).
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28;
constexpr char32_t kSCount = kLCount * kVCount * kTCount;

struct Marked {
  char32_t code_point;
  uint8_t combining_class;
};

uint8_t combining_class(char32_t c) {
  const auto& runs = tables::kCombiningRuns;
  if (c < runs[0] >> 8) return 0;
  const auto after = std::upper_bound(std::begin(runs), std::end(runs), c << 8 | 0xFF);
  return uint8_t(*std::prev(after));
}

template <size_t kSize>
const tables::Expansion* find_expansion(const tables::Expansion (&table)[kSize], char32_t c) {
  const auto found = std::ranges::lower_bound(table, c, {}, &tables::Expansion::code_point);
  return found != std::end(table) && found->code_point == c ? found : nullptr;
}

// The full decomposition: one or more code points.
void decompose(char32_t c, bool compatible, std::vector<Marked>* out) {
  const auto put = [&](char32_t part) { out->push_back({part, combining_class(part)}); };
  if (c - kSBase < kSCount) {
    const char32_t s = c - kSBase;
    put(kLBase + s / (kVCount * kTCount));
    put(kVBase + s / kTCount % kVCount);
    if (s % kTCount != 0) put(kTBase + s % kTCount);
    return;
  }
  const tables::Expansion* found = compatible ? find_expansion(tables::kCompatible, c) : nullptr;
  const char32_t* text = tables::kCompatibleText;
  if (!found) {
    found = find_expansion(tables::kCanonical, c);
    text = tables::kCanonicalText;
  }
  if (!found) return put(c);
  for (size_t i = 0; i < found->length; ++i) put(text[found->offset + i]);
}

// 0 where the two do not compose.
char32_t compose(char32_t first, char32_t second) {
  if (first - kLBase < kLCount && second - kVBase < kVCount) {
    return kSBase + ((first - kLBase) * kVCount + (second - kVBase)) * kTCount;
  }
  const bool open_syllable = first - kSBase < kSCount && (first - kSBase) % kTCount == 0;
  if (open_syllable && second > kTBase && second - kTBase < kTCount) {
    return first + (second - kTBase);
  }
  const auto less = [](const tables::Composition& entry, std::pair<char32_t, char32_t> key) {
    return std::pair<char32_t, char32_t>(entry.first, entry.second) < key;
  };
  const auto found =
      std::lower_bound(std::begin(tables::kCompositions), std::end(tables::kCompositions),
                       std::pair(first, second), less);
  const bool equal =
      found != std::end(tables::kCompositions) && found->first == first && found->second == second;
  return equal ? found->composed : 0;
}

// Marks stand in the order of their class, those of one class as they came.
void order(std::span<Marked> run) {
  for (auto at = run.begin(); at != run.end();) {
    const auto is_starter = [](const Marked& c) { return c.combining_class == 0; };
    const auto begin = std::find_if_not(at, run.end(), is_starter);
    at = std::find_if(begin, run.end(), is_starter);
    std::ranges::stable_sort(begin, at, {}, &Marked::combining_class);
  }
}

// Every character joins the last starter before it if they compose and nothing between blocks it:
// no starter, and no mark of the same class or a higher one.
void compose_run(std::vector<Marked>* run) {
  constexpr size_t kNone = ~size_t{0};
  size_t starter = kNone;
  size_t kept = 0;
  for (const Marked c : *run) {
    const bool open = starter != kNone &&
                      (starter + 1 == kept || (*run)[kept - 1].combining_class < c.combining_class);
    const char32_t composed = open ? compose((*run)[starter].code_point, c.code_point) : 0;
    if (composed != 0) {
      (*run)[starter].code_point = composed;
      continue;
    }
    if (c.combining_class == 0) starter = kept;
    (*run)[kept++] = c;
  }
  run->resize(kept);
}

// The bytes before the first character that a form may change.
size_t plain_bytes(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Character c = decode(text.substr(at));
    if (may_normalize(c.code_point)) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace

std::string normalize(std::string_view text, Form form) {
  const bool compatible = form == Form::kNfkc || form == Form::kNfkd;
  const bool composing = form == Form::kNfc || form == Form::kNfkc;
  std::string out;
  std::vector<Marked> run;
  for (;;) {
    const size_t plain = plain_bytes(text);
    const bool last = plain == text.size();
    // An ASCII letter may be the first of a composition.
    const bool joins = !last && plain > 0 && static_cast<unsigned char>(text[plain - 1]) < 0x80;
    out += text.substr(0, plain - joins);
    if (last) return out;
    run.clear();
    if (joins) run.push_back({char32_t(text[plain - 1]), 0});
    for (text.remove_prefix(plain); !text.empty();) {
      const Character c = decode(text);
      if (!may_normalize(c.code_point)) break;
      decompose(c.code_point, compatible, &run);
      text.remove_prefix(c.bytes);
    }
    order(run);
    if (composing) compose_run(&run);
    for (const Marked& c : run) append(out, c.code_point);
  }
}

std::string lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (; !text.empty();) {
    const Character c = decode(text);
    const auto& table = tables::kLower;
    if (c.code_point < 0x80) {
      const bool upper = c.code_point >= 'A' && c.code_point <= 'Z';
      out += static_cast<char>(upper ? c.code_point - 'A' + 'a' : c.code_point);
    } else if (c.code_point == 0x130) {
      out += "i\u0307";
    } else {
      const auto found = std::ranges::lower_bound(table, c.code_point, {}, &tables::CasePair::from);
      if (found != std::end(table) && found->from == c.code_point) {
        append(out, found->to);
      } else {
        out += text.substr(0, c.bytes);
      }
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string strip_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (; !text.empty();) {
    const Character c = decode(text);
    if (!is(kMark, c.code_point)) out += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return out;
}

}  // namespace llmos::unicode
