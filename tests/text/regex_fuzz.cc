// SPDX-License-Identifier: Apache-2.0
// Any pattern on any text: refused, or both matchers find the same places. The first byte says how
// many of the others are the pattern.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "text/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t split = std::min<size_t>(data[0], all.size());
  const llmos::Result<llmos::Regex> regex = llmos::Regex::compile(all.substr(0, split));
  if (!regex.ok()) return 0;
  const std::string_view text = all.substr(split);
  std::vector<std::pair<size_t, size_t>> cheap, careful;
  size_t end = 0;
  regex->for_each_match(text, [&](size_t begin, size_t match_end) {
    LLMOS_CHECK(end <= begin && begin <= match_end && match_end <= text.size());
    end = match_end;
    cheap.emplace_back(begin, match_end);
  });
  regex->for_each_match_carefully(
      text, [&](size_t begin, size_t match_end) { careful.emplace_back(begin, match_end); });
  LLMOS_CHECK(cheap == careful);
  return 0;
}
