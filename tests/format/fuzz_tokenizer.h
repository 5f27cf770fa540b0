// SPDX-License-Identifier: Apache-2.0
// What every reader of tokenizer files owes, whatever the bytes: shared by the fuzzers.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "format/fuzz_file.h"
#include "llmos/tokenizer.h"
#include "text/tokenizer_impl.h"

namespace llmos::test {

// Ids lie in the vocabulary; they decode, in one go and streamed alike.
inline void check_text(const Tokenizer& tokenizer, std::string_view text,
                       const EncodeOptions& options) {
  const std::vector<TokenId> ids = tokenizer.encode(text, options);
  for (const TokenId id : ids) {
    LLMOS_CHECK(id >= 0 && size_t(id) < tokenizer.vocabulary_size()) << id;
    (void)tokenizer.token_kind(id);
  }
  for (const bool skip_special : {true, false}) {
    const Result<std::string> whole = tokenizer.decode(ids, {skip_special});
    LLMOS_CHECK(whole.ok()) << whole.status().to_string();
    Detokenizer detokenizer(tokenizer, {skip_special});
    std::string streamed;
    for (const TokenId id : ids) streamed += detokenizer.push(id);
    streamed += detokenizer.finish();
    LLMOS_CHECK(streamed == *whole) << streamed << " is not " << *whole;
  }
}

// A spec becomes a tokenizer or a refusal. The tokenizer then takes a text that holds everything,
// and `own`, bytes of the file itself: there its tokens are likely to stand.
inline void check_tokenizer(Result<TokenizerSpec> spec, std::string_view own) {
  if (!spec.ok()) return check_refusal(spec.status());
  const Result<Tokenizer> tokenizer = make_tokenizer(*std::move(spec));
  if (!tokenizer.ok()) return check_refusal(tokenizer.status());
  constexpr std::string_view kText =
      "A b  <s>I'm \xE2\x96\x81 12 \xE4\xB8\xAD\xE6\x96\x87 e\xCC\x81\r\n\t\xF0\x9F\x98\x80"
      "\xEF\xBC\xA1\xFF\xE2\x82 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</s> ";
  constexpr size_t kOwnBytesMax = 512;
  for (const std::string_view text : {kText, own.substr(0, kOwnBytesMax)}) {
    check_text(*tokenizer, text, {});
    check_text(*tokenizer, text, {.add_special = false, .parse_special = false});
  }
}

}  // namespace llmos::test
