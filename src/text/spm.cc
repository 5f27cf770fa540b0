// SPDX-License-Identifier: Apache-2.0
#include "text/spm.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

namespace llmos {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr uint32_t kNoSymbol = UINT32_MAX;

// Up to this many symbols, looking at every pair for each merge is quicker than a heap; measured
// with words of Llama 2, where 9 of 10 words have less than 10.
constexpr size_t kShortMax = 40;

// Positions are 32 bits wide; no real text has so long a word.
constexpr size_t kPartBytesMax = size_t{1} << 30;

// As sentencepiece cuts: by the lead byte alone, one byte where that is none.
size_t character_bytes(std::string_view text) {
  static constexpr uint8_t kBytes[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  return std::min<size_t>(kBytes[uint8_t(text[0]) >> 4], text.size());
}

uint32_t key_of(std::string_view character) {
  uint32_t key = 0;
  std::memcpy(&key, character.data(), character.size());
  return key;
}

bool takes_part(TokenType type) {
  return type == TokenType::kNormal || type == TokenType::kUserDefined ||
         type == TokenType::kUnused;
}

// By token: 0 for the best score, equal for equal scores.
std::vector<uint32_t> ranks_of(const std::vector<double>& scores) {
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<uint32_t> ranks;
  for (const double score : scores) {
    const auto rank = std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>());
    ranks.push_back(uint32_t(rank - sorted.begin()));
  }
  return ranks;
}

// found[n] becomes the token that the first n bytes of `text` are, or kNoToken.
void tokens_along(const ByteTrie& trie, std::string_view text, std::vector<TokenId>& found) {
  found.assign(text.size() + 1, kNoToken);
  ByteTrie::Node node = ByteTrie::kRoot;
  for (size_t i = 0; i < text.size(); ++i) {
    node = trie.step(node, uint8_t(text[i]));
    if (node == ByteTrie::kRoot) return;
    if (trie.value(node) != ByteTrie::kNoValue) found[i + 1] = trie.value(node);
  }
}

// Where the next word begins: at the first space behind something else.
size_t word_bytes(std::string_view text) {
  size_t at = 0;
  while (text.substr(at).starts_with(kSpace)) at += kSpace.size();
  return std::min(text.find(kSpace, at), text.size());
}

}  // namespace

struct Spm::Work {
  struct Link {
    uint32_t previous;
    uint32_t next;
  };
  // Smallest first: the best rank, then the leftmost.
  struct Candidate {
    uint64_t order;  // rank << 32 | left
    uint32_t right;
    SymbolId merged;
    uint32_t left_end;   // ends of the two symbols: where one has changed, it has grown or is gone,
    uint32_t right_end;  // and the candidate is out of date
    friend bool operator>(const Candidate& a, const Candidate& b) { return a.order > b.order; }
  };

  std::vector<Symbol> symbols;
  std::vector<uint32_t> ranks;  // of the pair that begins at each symbol
  std::vector<Link> links;
  std::vector<Candidate> heap;
  std::unordered_map<SymbolId, std::pair<Symbol, Symbol>> halves;  // of unused tokens
  std::vector<Symbol> stack;
  bool after_unknown = false;
};

Spm::Spm(const TokenizerSpec& spec) : bytes_(spec), token_count_(SymbolId(spec.tokens.size())) {
  std::vector<bool> is_added(spec.tokens.size());
  for (const AddedToken& added : spec.added_tokens) is_added[size_t(added.id)] = true;
  std::vector<ByteTrie::Key> frozen;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.types[id] == TokenType::kUserDefined && !is_added[id]) {
      frozen.push_back({spec.tokens[id], int32_t(id)});
    }
    if (spec.skip_unused && spec.types[id] == TokenType::kUnused && !spec.tokens[id].empty()) {
      unused_.resize(spec.tokens.size());
      unused_[id] = true;
      words_apart_ = false;  // how one word was merged decides how the next is taken apart
    }
  }
  frozen_ = ByteTrie(std::move(frozen));
  index_symbols(spec);
  index_merges(spec, ranks_of(spec.scores));
}

void Spm::index_symbols(const TokenizerSpec& spec) {
  ascii_.fill(kForeign);
  SymbolId next = token_count_;
  const auto add = [&](std::string_view character, std::optional<SymbolId> token) {
    SymbolId& id = uint8_t(character[0]) < 0x80
                       ? ascii_[size_t(character[0])]
                       : characters_.try_emplace(key_of(character), kForeign).first->second;
    if (token) {
      id = *token;
    } else if (id == kForeign) {
      id = next++;
    }
  };
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!takes_part(spec.types[id])) continue;
    const std::string_view text = spec.tokens[id];
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = character_bytes(text.substr(at));
      const bool whole = bytes == text.size();
      add(text.substr(at, bytes), whole ? std::optional(SymbolId(id)) : std::nullopt);
      at += bytes;
    }
    if (!text.empty() && word_bytes(text) < text.size()) words_apart_ = false;
  }
}

void Spm::index_merges(const TokenizerSpec& spec, const std::vector<uint32_t>& ranks) {
  // A walk from each end of a token finds all tokens that it begins or ends with.
  std::vector<std::string> reversed(spec.tokens.size());
  std::vector<ByteTrie::Key> keys, reversed_keys;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (!takes_part(spec.types[id])) continue;
    reversed[id].assign(spec.tokens[id].rbegin(), spec.tokens[id].rend());
    keys.push_back({spec.tokens[id], int32_t(id)});
    reversed_keys.push_back({reversed[id], int32_t(id)});
  }
  const ByteTrie beginnings(std::move(keys));
  const ByteTrie endings(std::move(reversed_keys));
  const auto symbol_of = [&](TokenId token, std::string_view text) {
    const bool single = character_bytes(text) == text.size();
    return token == kNoToken && single ? find_character(text) : token;
  };
  struct Pair {
    SymbolId left, right, merged;
  };
  std::vector<Pair> pairs;
  std::vector<SymbolId> lefts, rights;  // what ends, and what begins, at each byte of a token
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string_view text = spec.tokens[id];
    if (!takes_part(spec.types[id]) || text.empty()) continue;
    tokens_along(beginnings, text, lefts);
    if (lefts[text.size()] != SymbolId(id)) continue;  // a later token has the same text
    tokens_along(endings, reversed[id], rights);
    size_t at = character_bytes(text);
    for (; at < text.size(); at += character_bytes(text.substr(at))) {
      const SymbolId left = symbol_of(lefts[at], text.substr(0, at));
      const SymbolId right = symbol_of(rights[text.size() - at], text.substr(at));
      if (left != kForeign && right != kForeign) pairs.push_back({left, right, SymbolId(id)});
    }
  }
  merges_ = MergeTable(pairs.size());
  for (const Pair& pair : pairs) {
    merges_.insert(pair.left, pair.right, {ranks[size_t(pair.merged)], pair.merged});
  }
}

Spm::SymbolId Spm::find_character(std::string_view character) const {
  if (uint8_t(character[0]) < 0x80) return ascii_[size_t(character[0])];
  const auto found = characters_.find(key_of(character));
  return found == characters_.end() ? kForeign : found->second;
}

void Spm::encode(std::string_view text, std::vector<TokenId>& ids) const {
  Work work;
  while (!text.empty()) {
    const size_t bytes = std::min(words_apart_ ? word_bytes(text) : text.size(), kPartBytesMax);
    encode_part(text.substr(0, bytes), work, ids);
    text.remove_prefix(bytes);
  }
}

void Spm::encode_part(std::string_view text, Work& work, std::vector<TokenId>& ids) const {
  cut(text, work.symbols);
  if (work.symbols.size() <= kShortMax) {
    merge_short(work);
  } else {
    merge_long(work);
  }
  for (const Symbol& symbol : work.symbols) emit(symbol, text, work, ids);
}

void Spm::cut(std::string_view text, std::vector<Symbol>& symbols) const {
  symbols.clear();
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const ByteTrie::Match match = frozen_.empty() ? ByteTrie::Match{} : frozen_.longest(rest);
    const bool frozen = match.bytes > 0;
    const size_t bytes = frozen ? match.bytes : character_bytes(rest);
    const SymbolId id = frozen ? SymbolId(match.value) : find_character(rest.substr(0, bytes));
    symbols.push_back({id, uint32_t(at), uint32_t(at + bytes), frozen});
    at += bytes;
  }
}

MergeTable::Merge Spm::find_merge(const Symbol& left, const Symbol& right, Work& work) const {
  if (left.frozen || right.frozen || left.id == kForeign || right.id == kForeign) return {};
  const MergeTable::Merge merge = merges_.find(left.id, right.id);
  if (!unused_.empty() && merge.merged != kNoToken && unused_[size_t(merge.merged)]) {
    work.halves.insert_or_assign(merge.merged, std::pair(left, right));
  }
  return merge;
}

void Spm::merge_short(Work& work) const {
  std::vector<Symbol>& symbols = work.symbols;
  const auto rank_at = [&](size_t at) {
    return find_merge(symbols[at], symbols[at + 1], work).rank;
  };
  work.ranks.clear();
  for (size_t at = 0; at + 1 < symbols.size(); ++at) work.ranks.push_back(rank_at(at));
  while (!work.ranks.empty()) {
    const auto best = std::min_element(work.ranks.begin(), work.ranks.end());
    if (*best == MergeTable::kNoRank) break;
    const auto at = size_t(best - work.ranks.begin());
    symbols[at].id = merges_.find(symbols[at].id, symbols[at + 1].id).merged;
    symbols[at].end = symbols[at + 1].end;
    symbols.erase(symbols.begin() + ptrdiff_t(at) + 1);
    work.ranks.erase(best);
    if (at > 0) work.ranks[at - 1] = rank_at(at - 1);
    if (at < work.ranks.size()) work.ranks[at] = rank_at(at);
  }
}

void Spm::merge_long(Work& work) const {
  std::vector<Symbol>& symbols = work.symbols;
  std::vector<Work::Link>& links = work.links;
  links.clear();
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    links.push_back({i == 0 ? kNoSymbol : i - 1, i + 1 == symbols.size() ? kNoSymbol : i + 1});
  }
  work.heap.clear();
  const auto propose = [&](uint32_t left, uint32_t right) {
    if (left == kNoSymbol || right == kNoSymbol) return;
    const MergeTable::Merge merge = find_merge(symbols[left], symbols[right], work);
    if (merge.merged == kNoToken) return;
    work.heap.push_back({uint64_t{merge.rank} << 32 | left, right, merge.merged, symbols[left].end,
                         symbols[right].end});
    std::push_heap(work.heap.begin(), work.heap.end(), std::greater<>());
  };
  for (uint32_t i = 1; i < symbols.size(); ++i) propose(i - 1, i);
  while (!work.heap.empty()) {
    std::pop_heap(work.heap.begin(), work.heap.end(), std::greater<>());
    const Work::Candidate top = work.heap.back();
    work.heap.pop_back();
    const auto left = uint32_t(top.order);
    const uint32_t right = top.right;
    if (symbols[left].end != top.left_end || symbols[right].end != top.right_end) continue;
    symbols[left].id = top.merged;
    symbols[left].end = symbols[right].end;
    symbols[right].end = symbols[right].begin;  // empty: gone
    links[left].next = links[right].next;
    if (links[left].next != kNoSymbol) links[links[left].next].previous = left;
    propose(links[left].previous, left);
    propose(left, links[left].next);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.begin == symbol.end; });
}

void Spm::emit(const Symbol& symbol, std::string_view text, Work& work,
               std::vector<TokenId>& ids) const {
  work.stack.assign(1, symbol);
  while (!work.stack.empty()) {
    const Symbol top = work.stack.back();
    work.stack.pop_back();
    const bool is_token = top.id != kForeign && top.id < token_count_;
    const auto halves = is_token && !unused_.empty() && unused_[size_t(top.id)]
                            ? work.halves.find(top.id)
                            : work.halves.end();
    if (halves != work.halves.end()) {
      work.stack.push_back(halves->second.second);
      work.stack.push_back(halves->second.first);
    } else if (is_token) {
      ids.push_back(top.id);
      work.after_unknown = false;
    } else {
      bytes_.append(text.substr(top.begin, top.end - top.begin), work.after_unknown, ids);
    }
  }
}

}  // namespace llmos
