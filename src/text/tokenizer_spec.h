// SPDX-License-Identifier: Apache-2.0
// TokenizerSpec says everything about a tokenizer as plain data: what `format` reads from a GGUF
// file, a tokenizer.json or a sentencepiece model, and what Tokenizer is made from.
//
// The life of a text, and the part of the spec that rules each step:
//
//   1. added tokens that are not normalised are cut out of the raw text     added_tokens, matching
//   2. what lies between is normalised                                      normalizer
//   3. added tokens that are normalised are cut out of that                 added_tokens
//   4. what lies between is split into pieces                               pretokenizer
//   5. the model turns every piece into ids                                 model, tokens, ...
//   6. ids are put before and after, if asked for                           prefix, suffix
//
// A spec is untrusted: make_tokenizer() checks ids, sizes and patterns before it uses them.
//
// A user-defined token that is no added token is kept whole by the model itself (kSpm, kUnigram),
// which is how sentencepiece does it; GGUF and tokenizer.json list theirs as added tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llmos/types.h"

namespace llmos {

// How a piece of text becomes ids.
enum class TokenizerModel : uint8_t {
  kBpe,        // merges in order of their rank
  kSpm,        // sentencepiece BPE: the merge whose result has the best score goes first
  kUnigram,    // sentencepiece unigram: the segmentation with the best sum of scores
  kWordLevel,  // the whole piece is a token, or unknown
};

// What a token is. The values are those of GGUF and of sentencepiece.
enum class TokenType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // never the result of plain text: <s>, <|im_start|>
  kUserDefined = 4,  // always one token where its text occurs
  kUnused = 5,
  kByte = 6,  // <0x00> to <0xFF>
};

// Two adjacent tokens that become one; its rank is its index in TokenizerSpec::merges.
struct TokenMerge {
  TokenId left;
  TokenId right;
  TokenId merged;
};

// A token that is found in the text itself, before the model sees it.
struct AddedToken {
  TokenId id;
  std::string text;
  bool special = false;      // found only when the caller wants special tokens recognised
  bool normalized = false;   // looked for after normalising, in its normalised form
  bool single_word = false;  // only where no word character is beside it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
};

// Which of two overlapping added tokens wins.
enum class AddedTokenOrder : uint8_t {
  kLeftmostLongest,  // as HF tokenizers: the one that begins first, then the longer one
  kLongestFirst,     // as llama.cpp: the longer one wherever it is, then the one that begins first
};

struct NormalizerStep {
  enum class Kind : uint8_t {
    kPrepend,       // `content` before a text that is not empty
    kReplace,       // every `pattern`, a string, becomes `content`
    kReplaceRegex,  // every match of the regular expression `pattern` becomes `content`
    kNfc,
    kNfd,
    kNfkc,
    kNfkd,
    kLowercase,
    kStripAccents,   // drops combining marks
    kStrip,          // white space at the `left` and the `right` end
    kCharsmap,       // sentencepiece's precompiled map in `content`, as HF applies it
    kSentencepiece,  // the whole of sentencepiece's normaliser: map, spaces, user-defined tokens
  };
  Kind kind;
  std::string pattern{};
  std::string content{};
  bool left = true;
  bool right = true;
  // kSentencepiece only.
  bool add_dummy_prefix = false;
  bool remove_extra_whitespaces = false;
  bool escape_whitespaces = true;
  bool whitespace_as_suffix = false;
};

struct PretokenizerStep {
  enum class Kind : uint8_t {
    kNamed,       // the patterns of a name in tokenizer.ggml.pre: "llama-bpe", "qwen2", ...
    kSplit,       // at the string `pattern`
    kSplitRegex,  // at matches of the regular expression `pattern`
    kByteLevel,   // GPT-2's pattern if use_regex; then bytes become printable code points
    kDigits,      // digits apart from the rest, and from one another if `individual`
    kPunctuation,
    kWhitespace,       // \w+|[^\w\s]+
    kWhitespaceSplit,  // at white space, which is dropped
    kMetaspace,        // spaces become `pattern` (U+2581), and begin pieces if `split`
  };
  // What becomes of a match.
  enum class Behavior : uint8_t {
    kRemoved,
    kIsolated,
    kMergedWithPrevious,
    kMergedWithNext,
    kContiguous,
  };
  enum class PrependScheme : uint8_t { kNever, kFirst, kAlways };

  Kind kind;
  std::string pattern{};
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;            // kSplit, kSplitRegex: what does not match is the match
  bool add_prefix_space = false;  // kByteLevel: a space before a text that begins with none
  bool use_regex = true;          // kByteLevel
  bool individual = false;        // kDigits
  bool split = true;              // kMetaspace
  PrependScheme prepend = PrependScheme::kAlways;  // kMetaspace
};

struct DecoderStep {
  enum class Kind : uint8_t {
    kByteLevel,     // printable code points become bytes again
    kReplace,       // in every token, `pattern` becomes `content`
    kByteFallback,  // <0x41> becomes the byte 0x41
    kFuse,          // all tokens become one
    kStrip,         // up to `start` times `content` at the beginning, `stop` times at the end
    kMetaspace,     // U+2581 becomes a space, dropped at the beginning of the first token
  };
  Kind kind;
  std::string pattern{};
  std::string content{};
  uint32_t start = 0;
  uint32_t stop = 0;
  bool drop_first = true;  // kMetaspace
};

struct NamedTemplate {
  std::string name;  // "default", "tool_use", ...
  std::string text;
};

struct TokenizerSpec {
  TokenizerModel model = TokenizerModel::kBpe;

  // By id: the text as the model writes it (byte-level code points, U+2581 for a space), its score
  // (kSpm, kUnigram) and its type. `scores` and `types` are empty or as long as `tokens`. An id
  // that no token has is an empty text of type kUnused.
  std::vector<std::string> tokens;
  std::vector<double> scores;
  std::vector<TokenType> types;
  std::vector<TokenMerge> merges;  // kBpe, best first

  bool byte_fallback = false;  // text without a token becomes byte tokens
  bool fuse_unknown = false;   // neighbouring unknown characters become one unknown token
  bool ignore_merges = false;  // kBpe: a piece that is a token needs no merges
  bool skip_unused = false;    // kSpm takes tokens of type kUnused apart, kUnigram passes them by
  bool float_scores = false;   // kUnigram adds up scores in float, as sentencepiece, not in double
  bool byte_tokens_in_text = false;  // kUnigram: "<0x41>" written out is that token, as in HF

  std::optional<TokenId> bos;
  std::optional<TokenId> eos;
  std::optional<TokenId> unknown;
  std::optional<TokenId> padding;
  std::vector<TokenId> end_of_generation;  // eos, end of turn, ...: generation stops at any of them

  std::vector<AddedToken> added_tokens;
  AddedTokenOrder added_token_order = AddedTokenOrder::kLeftmostLongest;
  std::vector<NormalizerStep> normalizer;
  std::vector<PretokenizerStep> pretokenizer;
  std::vector<DecoderStep> decoder;
  bool decode_added_raw = false;  // control and user-defined tokens are text as they stand
  std::string unknown_text;       // what decoding writes for the unknown token; empty: as others

  // What surrounds a text when special tokens are asked for.
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;

  std::vector<NamedTemplate> chat_templates;  // Jinja; the one without a name or "default" first
};

}  // namespace llmos
