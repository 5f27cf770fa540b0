// SPDX-License-Identifier: Apache-2.0
#include "text/code_point_set.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "text/unicode_tables.h"

namespace llmos {
namespace {

using unicode::Categories;
using unicode::Category;
using unicode::kCodePointMax;

struct NamedCategories {
  std::string_view name;  // as loose() makes it
  Categories categories;
};

constexpr Categories one(Category category) { return unicode::bit(category); }

constexpr NamedCategories kNamedCategories[] = {
    {"l", unicode::kLetter},
    {"letter", unicode::kLetter},
    {"m", unicode::kMark},
    {"mark", unicode::kMark},
    {"combiningmark", unicode::kMark},
    {"n", unicode::kNumber},
    {"number", unicode::kNumber},
    {"p", unicode::kPunctuation},
    {"punctuation", unicode::kPunctuation},
    {"s", unicode::kSymbol},
    {"symbol", unicode::kSymbol},
    {"z", unicode::kSeparator},
    {"separator", unicode::kSeparator},
    {"c", unicode::bits(Category::kCc, Category::kCo) | one(Category::kCn)},
    {"other", unicode::bits(Category::kCc, Category::kCo) | one(Category::kCn)},
    {"cn", one(Category::kCn)},
    {"unassigned", one(Category::kCn)},
    {"lu", one(Category::kLu)},
    {"uppercaseletter", one(Category::kLu)},
    {"ll", one(Category::kLl)},
    {"lowercaseletter", one(Category::kLl)},
    {"lt", one(Category::kLt)},
    {"titlecaseletter", one(Category::kLt)},
    {"lm", one(Category::kLm)},
    {"modifierletter", one(Category::kLm)},
    {"lo", one(Category::kLo)},
    {"otherletter", one(Category::kLo)},
    {"mn", one(Category::kMn)},
    {"nonspacingmark", one(Category::kMn)},
    {"mc", one(Category::kMc)},
    {"spacingmark", one(Category::kMc)},
    {"me", one(Category::kMe)},
    {"enclosingmark", one(Category::kMe)},
    {"nd", one(Category::kNd)},
    {"decimalnumber", one(Category::kNd)},
    {"digit", one(Category::kNd)},
    {"nl", one(Category::kNl)},
    {"letternumber", one(Category::kNl)},
    {"no", one(Category::kNo)},
    {"othernumber", one(Category::kNo)},
    {"pc", one(Category::kPc)},
    {"connectorpunctuation", one(Category::kPc)},
    {"pd", one(Category::kPd)},
    {"dashpunctuation", one(Category::kPd)},
    {"ps", one(Category::kPs)},
    {"openpunctuation", one(Category::kPs)},
    {"pe", one(Category::kPe)},
    {"closepunctuation", one(Category::kPe)},
    {"pi", one(Category::kPi)},
    {"initialpunctuation", one(Category::kPi)},
    {"pf", one(Category::kPf)},
    {"finalpunctuation", one(Category::kPf)},
    {"po", one(Category::kPo)},
    {"otherpunctuation", one(Category::kPo)},
    {"sm", one(Category::kSm)},
    {"mathsymbol", one(Category::kSm)},
    {"sc", one(Category::kSc)},
    {"currencysymbol", one(Category::kSc)},
    {"sk", one(Category::kSk)},
    {"modifiersymbol", one(Category::kSk)},
    {"so", one(Category::kSo)},
    {"othersymbol", one(Category::kSo)},
    {"zs", one(Category::kZs)},
    {"spaceseparator", one(Category::kZs)},
    {"zl", one(Category::kZl)},
    {"lineseparator", one(Category::kZl)},
    {"zp", one(Category::kZp)},
    {"paragraphseparator", one(Category::kZp)},
    {"cc", one(Category::kCc)},
    {"control", one(Category::kCc)},
    {"cf", one(Category::kCf)},
    {"format", one(Category::kCf)},
    {"cs", one(Category::kCs)},
    {"surrogate", one(Category::kCs)},
    {"co", one(Category::kCo)},
    {"privateuse", one(Category::kCo)},
    {"any", ~Categories{0}},
};

// Names are compared as Unicode says (UAX44-LM3), ASCII being enough.
std::string loose(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

}  // namespace

CodePointSet CodePointSet::of(char32_t first, char32_t last) {
  CodePointSet set;
  set.ranges_.push_back({first, last});
  return set;
}

CodePointSet CodePointSet::of_categories(Categories categories) {
  CodePointSet set;
  const auto& runs = unicode_tables::kPropertyRuns;
  for (size_t i = 0; i < std::size(runs); ++i) {
    const auto category = runs[i] & unicode::detail::kCategoryMask;
    if (!(categories >> category & 1)) continue;
    const char32_t last = i + 1 < std::size(runs) ? (runs[i + 1] >> 8) - 1 : kCodePointMax;
    set.ranges_.push_back({runs[i] >> 8, last});
  }
  set.normalize();
  return set;
}

CodePointSet CodePointSet::spaces() {
  return of_categories(unicode::kSeparator).add(of(9, 13)).add(of(0x85, 0x85));
}

CodePointSet CodePointSet::word() {
  CodePointSet set = of_categories(unicode::kLetter | unicode::kMark | one(Category::kNd) |
                                   one(Category::kNl) | one(Category::kPc));
  const auto& runs = unicode_tables::kPropertyRuns;
  for (size_t i = 0; i + 1 < std::size(runs); ++i) {
    if (runs[i] & unicode::detail::kOtherAlphabetic) {
      set.ranges_.push_back({runs[i] >> 8, (runs[i + 1] >> 8) - 1});
    }
  }
  for (char32_t c = 0x80; c < 0x100; ++c) {
    if (unicode::is_latin1_number(c)) set.ranges_.push_back({c, c});
  }
  set.normalize();
  return set;
}

std::optional<CodePointSet> CodePointSet::named(std::string_view name) {
  const std::string wanted = loose(name);
  if (wanted == "space" || wanted == "whitespace") return spaces();
  if (wanted == "word") return word();
  for (const NamedCategories& entry : kNamedCategories) {
    if (entry.name == wanted) return of_categories(entry.categories);
  }
  for (const unicode_tables::Script& script : unicode_tables::kScripts) {
    if (wanted != script.name) continue;
    CodePointSet set;
    for (size_t i = 0; i < script.count; ++i) {
      const auto& range = unicode_tables::kScriptRanges[script.offset + i];
      set.ranges_.push_back({range.first, range.last});
    }
    return set;
  }
  return std::nullopt;
}

CodePointSet& CodePointSet::add(const CodePointSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  normalize();
  return *this;
}

CodePointSet& CodePointSet::intersect(const CodePointSet& other) {
  // Neither A nor B is outside both: not (not A or not B).
  CodePointSet outside = other;
  outside.invert();
  return invert().add(outside).invert();
}

CodePointSet& CodePointSet::invert() {
  std::vector<Range> gaps;
  char32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) gaps.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kCodePointMax) gaps.push_back({next, kCodePointMax});
  ranges_ = std::move(gaps);
  return *this;
}

CodePointSet& CodePointSet::add_case_variants() {
  CodePointSet variants;
  for (const unicode_tables::CasePair& pair : unicode_tables::kCaseVariants) {
    if (contains(pair.from)) variants.ranges_.push_back({pair.to, pair.to});
  }
  return add(variants);
}

bool CodePointSet::contains(char32_t c) const {
  const auto after = std::ranges::upper_bound(ranges_, c, {}, &Range::first);
  return after != ranges_.begin() && c <= std::prev(after)->last;
}

void CodePointSet::normalize() {
  std::ranges::sort(ranges_, {}, &Range::first);
  size_t kept = 0;
  for (const Range& range : ranges_) {
    if (kept > 0 && range.first <= ranges_[kept - 1].last + 1) {
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, range.last);
    } else {
      ranges_[kept++] = range;
    }
  }
  ranges_.resize(kept);
}

CodePointTable::CodePointTable(const CodePointSet& set) {
  constexpr char32_t kBlockSize = 1u << kBlockBits;
  enum : uint16_t { kNone, kAll };
  blocks_.resize(2);
  blocks_[kAll].fill(~0u);
  for (const CodePointSet::Range& range : set.ranges()) {
    for (char32_t c = range.first; c <= range.last;) {
      const char32_t block_end = (c | (kBlockSize - 1)) + 1;
      uint16_t& index = index_[c >> kBlockBits];
      if (block_end - c == kBlockSize && range.last >= block_end - 1) {
        index = kAll;
        c = block_end;
        continue;
      }
      if (index == kNone) {
        index = uint16_t(blocks_.size());
        blocks_.push_back({});
      }
      const char32_t end = std::min<char32_t>(block_end, range.last + 1);
      for (; c < end; ++c) blocks_[index][c >> 5 & 7] |= 1u << (c & 31);
    }
  }
}

}  // namespace llmos
