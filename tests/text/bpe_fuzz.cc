// SPDX-License-Identifier: Apache-2.0
// Any merges on any piece: refused, or the short and the long way agree. The first byte says how
// many merges follow, three bytes each.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "text/bpe.h"
#include "text/bpe_merge.h"
#include "text/byte_level.h"

namespace {

constexpr size_t kTokens = 300;  // the bytes, and some for what merges make

std::vector<std::string> make_tokens() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(llmos::to_byte_level(std::string(1, static_cast<char>(byte))));
  }
  while (tokens.size() < kTokens) tokens.push_back(tokens[tokens.size() % 256] + tokens[7]);
  return tokens;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::string> kAll = make_tokens();
  if (size == 0) return 0;
  const size_t count = std::min<size_t>(data[0], (size - 1) / 3);
  std::vector<llmos::TokenMerge> merges;
  llmos::MergeTable table(count);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* at = data + 1 + 3 * i;
    const llmos::TokenMerge merge{at[0], at[1], llmos::TokenId(at[2]) + 50};  // up to 305: refused
    merges.push_back(merge);
    table.insert(merge.left, merge.right, {uint32_t(i), merge.merged});
  }
  const llmos::Result<llmos::Bpe> bpe = llmos::Bpe::create(kAll, merges, {});
  if (!bpe.ok()) return 0;
  const std::string_view piece(reinterpret_cast<const char*>(data) + 1 + 3 * count,
                               size - 1 - 3 * count);
  std::vector<llmos::TokenId> first, again;
  bpe->encode(piece, &first);
  bpe->encode(piece, &again);
  LLMOS_CHECK(first == again);
  std::vector<llmos::TokenId> ids(piece.size());
  std::transform(piece.begin(), piece.end(), ids.begin(),
                 [](char byte) { return llmos::TokenId(static_cast<unsigned char>(byte)); });
  ids.resize(llmos::merge_long(table, ids));
  LLMOS_CHECK(ids == first);
  return 0;
}
