// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "text/unicode.h"

namespace llmos {
namespace {

bool is_ascii_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// \w of Rust's regular expressions.
bool is_word(char32_t c) { return unicode::is_word(c) || c == 0x200C || c == 0x200D; }

bool is_single_word(std::string_view text, size_t begin, size_t end) {
  const bool word_before =
      begin > 0 && is_word(unicode::decode_last(text.substr(0, begin)).code_point);
  const bool word_behind =
      end < text.size() && is_word(unicode::decode(text.substr(end)).code_point);
  return !word_before && !word_behind;
}

// Where the white space before `end` begins, at `least` or later.
size_t spaces_begin(std::string_view text, size_t least, size_t end) {
  while (end > least) {
    const auto last = unicode::decode_last(text.substr(0, end));
    if (!unicode::is_space(last.code_point) || end - last.bytes < least) break;
    end -= last.bytes;
  }
  return end;
}

size_t spaces_end(std::string_view text, size_t begin) {
  while (begin < text.size()) {
    const auto first = unicode::decode(text.substr(begin));
    if (!unicode::is_space(first.code_point)) break;
    begin += first.bytes;
  }
  return begin;
}

// A token that might be taken at `begin`: longest first, then leftmost.
struct Candidate {
  uint32_t bytes;
  int32_t token;
  size_t begin;
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.bytes != b.bytes ? a.bytes < b.bytes : a.begin > b.begin;
  }
};

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, AddedTokenOrder order)
    : tokens_(std::move(tokens)), order_(order) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.text.empty(); });
  std::vector<ByteTrie::Key> keys;
  for (const AddedToken& token : tokens_) keys.push_back({token.text, int32_t(keys.size())});
  trie_ = ByteTrie(std::move(keys));
}

void AddedTokens::split(std::string_view text, bool special, std::vector<TextPart>& parts) const {
  if (text.empty()) return;
  if (tokens_.empty()) {
    parts.push_back({text});
  } else if (order_ == AddedTokenOrder::kLeftmostLongest) {
    split_leftmost(text, special, parts);
  } else {
    split_longest(text, special, parts);
  }
}

void AddedTokens::split_leftmost(std::string_view text, bool special,
                                 std::vector<TextPart>& parts) const {
  size_t done = 0;
  size_t spaces_from = 0, spaces_to = 0;  // the run of white space that was looked at last
  for (size_t at = 0; at < text.size();) {
    const ByteTrie::Match match = trie_.longest(text.substr(at));
    if (match.bytes == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[size_t(match.value)];
    size_t begin = at;
    size_t end = at += match.bytes;
    if (token.special && !special) continue;
    if (token.single_word && !is_single_word(text, begin, end)) continue;
    if (token.lstrip) begin = spaces_begin(text, std::min(done, begin), begin);
    if (token.rstrip && (end < spaces_from || end > spaces_to)) {
      spaces_from = end;
      spaces_to = spaces_end(text, end);
    }
    if (token.rstrip) end = spaces_to;
    if (done < begin) parts.push_back({text.substr(done, begin - done)});
    parts.push_back({text.substr(begin, end - begin), token.id});
    // A token found inside white space that another one took gives back what is behind it.
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done)});
}

void AddedTokens::split_longest(std::string_view text, bool special,
                                std::vector<TextPart>& parts) const {
  const auto wanted = [&](int32_t value) { return special || !tokens_[size_t(value)].special; };
  std::priority_queue<Candidate> candidates;
  const auto propose = [&](size_t begin, size_t bytes_max) {
    const ByteTrie::Match match = trie_.longest(text.substr(begin), bytes_max, wanted);
    if (match.bytes > 0) candidates.push({uint32_t(match.bytes), match.value, begin});
  };
  for (size_t at = 0; at < text.size(); ++at) propose(at, text.size());
  if (candidates.empty()) {
    parts.push_back({text});
    return;
  }
  std::vector<bool> taken(text.size());  // by a token, or dropped beside one
  std::vector<Candidate> accepted;
  while (!candidates.empty()) {
    const Candidate top = candidates.top();
    candidates.pop();
    const size_t end = top.begin + top.bytes;
    if (taken[top.begin]) continue;
    // What was taken before is not shorter: it cannot lie between the first byte and the last.
    if (taken[end - 1]) {
      propose(top.begin, top.bytes - 1);
      continue;
    }
    std::fill(taken.begin() + ptrdiff_t(top.begin), taken.begin() + ptrdiff_t(end), true);
    accepted.push_back(top);
    const AddedToken& token = tokens_[size_t(top.token)];
    for (size_t i = top.begin; token.lstrip && i > 0 && !taken[i - 1]; --i) {
      if (!is_ascii_space(text[i - 1])) break;
      taken[i - 1] = true;
    }
    for (size_t i = end; token.rstrip && i < text.size() && !taken[i]; ++i) {
      if (!is_ascii_space(text[i])) break;
      taken[i] = true;
    }
  }
  const auto by_place = [](const Candidate& a, const Candidate& b) { return a.begin < b.begin; };
  std::sort(accepted.begin(), accepted.end(), by_place);
  size_t done = 0;
  const auto add_text_up_to = [&](size_t end) {
    while (done < end && taken[done]) ++done;
    size_t stop = end;
    while (stop > done && taken[stop - 1]) --stop;
    if (done < stop) parts.push_back({text.substr(done, stop - done)});
  };
  for (const Candidate& token : accepted) {
    add_text_up_to(token.begin);
    parts.push_back({text.substr(token.begin, token.bytes), tokens_[size_t(token.token)].id});
    done = token.begin + token.bytes;
  }
  add_text_up_to(text.size());
}

}  // namespace llmos
