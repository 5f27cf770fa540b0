// SPDX-License-Identifier: Apache-2.0
// Normalizer runs the steps that a text goes through before it is cut into pieces.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmos/status.h"
#include "text/charsmap.h"
#include "text/regex.h"
#include "text/sentencepiece_normalizer.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Exact    As HF tokenizers for code points assigned in Unicode 16 (unicode.h). kCharsmap needs the
//          borders of grapheme clusters; only those of up to 5 bytes matter, and those are exact.
// Threads  Every const method from any number of threads.
class Normalizer {
 public:
  // A text may become so many times as long. The most that real models need is 33, for U+FDFA.
  static constexpr size_t kGrowthMax = 4096;

  // Failure: of a pattern or table in the spec; kExhausted for steps that could let a text grow by
  // more than kGrowthMax.
  static Result<Normalizer> create(const TokenizerSpec& spec);

  bool empty() const noexcept { return steps_.empty(); }
  // Linear in the text. `keeps_begin` becomes false where the first character was dropped: what
  // Metaspace does at the beginning of a text (PrependScheme::kFirst) it then does not do.
  std::string apply(std::string_view text, bool& keeps_begin) const;
  std::string apply(std::string_view text) const;

 private:
  struct Step {
    NormalizerStep step;
    std::variant<std::monostate, Regex, Charsmap, SentencepieceNormalizer> tool;
  };
  static std::string apply_step(const Step& step, const std::string& text);
  static bool drops_begin(const Step& step, std::string_view text, size_t first_bytes);

  std::vector<Step> steps_;
};

}  // namespace llmos
