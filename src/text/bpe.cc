// SPDX-License-Identifier: Apache-2.0
#include "text/bpe.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "base/text.h"
#include "text/bpe_merge.h"
#include "text/byte_level.h"
#include "text/token_table.h"
#include "text/unicode.h"

namespace llmos {
namespace {

constexpr size_t kPieceBytesMax = size_t{1} << 31;  // positions within a piece take 32 bits
constexpr size_t kCountMax = size_t{1} << 31;       // ids are positive TokenIds

// The texts that pieces are compared with: bytes, where the vocabulary writes them printably.
std::vector<std::string> piece_texts(std::span<const std::string> tokens, bool byte_level) {
  std::vector<std::string> texts;
  texts.reserve(tokens.size());
  for (const std::string& token : tokens) {
    texts.push_back(byte_level ? from_byte_level(token).value_or("") : token);
  }
  return texts;
}

std::string byte_token(unsigned byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

Status check(std::span<const std::string> tokens, std::span<const TokenMerge> merges,
             const BpeOptions& options) {
  if (tokens.size() >= kCountMax || merges.size() >= kCountMax) {
    return {Code::kExhausted, (Text() << "bpe: expected fewer than 2^31 tokens and merges, found "
                                      << tokens.size() << " and " << merges.size())
                                  .str()};
  }
  const auto known = [&](TokenId id) { return id >= 0 && size_t(id) < tokens.size(); };
  for (size_t i = 0; i < merges.size(); ++i) {
    const TokenMerge& merge = merges[i];
    if (known(merge.left) && known(merge.right) && known(merge.merged)) continue;
    return {Code::kInvalid,
            (Text() << "bpe: expected ids below " << tokens.size() << ", merge " << i << " has "
                    << merge.left << " + " << merge.right << " -> " << merge.merged)
                .str()};
  }
  if (options.unknown && !known(*options.unknown)) {
    return {Code::kInvalid, (Text() << "bpe: expected ids below " << tokens.size()
                                    << ", the unknown token is " << *options.unknown)
                                .str()};
  }
  return {};
}

}  // namespace

class Bpe::Model {
 public:
  Model(std::span<const std::string> tokens, std::span<const TokenMerge> merges,
        const BpeOptions& options)
      : options_(options),
        tokens_(piece_texts(tokens, options.byte_level)),
        merges_(merges.size()),
        whole_(tokens.size()) {
    for (size_t i = 0; i < merges.size(); ++i) {
      merges_.insert(merges[i].left, merges[i].right, {uint32_t(i), merges[i].merged});
    }
    for (unsigned byte = 0; byte < 256; ++byte) {
      byte_ids_[byte] = tokens_.find(options.byte_level ? std::string(1, static_cast<char>(byte))
                                                        : byte_token(byte));
    }
  }

  void encode(std::string_view piece, std::vector<TokenId>* ids) const {
    const TokenId whole = tokens_.find(piece);
    if (whole != kNoToken) {
      if (options_.ignore_merges || known(whole) == Whole::kItself) return ids->push_back(whole);
      return encode_token(piece, whole, ids);
    }
    merge(piece, ids);
  }

 private:
  // Whether a token is what its own text encodes to.
  enum class Whole : uint8_t { kNotTried, kItself, kOthers };

  // Relaxed: the byte says the same whoever writes it, and nothing else hangs on it.
  Whole known(TokenId id) const { return whole_[size_t(id)].load(std::memory_order_relaxed); }

  void encode_token(std::string_view piece, TokenId whole, std::vector<TokenId>* ids) const {
    const size_t begin = ids->size();
    merge(piece, ids);
    const bool itself = ids->size() == begin + 1 && ids->back() == whole;
    whole_[size_t(whole)].store(itself ? Whole::kItself : Whole::kOthers,
                                std::memory_order_relaxed);
  }

  void merge(std::string_view piece, std::vector<TokenId>* ids) const {
    const size_t begin = ids->size();
    append_symbols(piece, ids);
    const std::span<TokenId> symbols(ids->data() + begin, ids->size() - begin);
    const size_t count = symbols.size() <= kShortPiece ? merge_short(merges_, symbols)
                                                       : merge_long(merges_, symbols);
    ids->resize(begin + count);
  }

  // One for each byte or character, except for what has no token.
  void append_symbols(std::string_view piece, std::vector<TokenId>* ids) const {
    bool unknown_pending = false;
    if (options_.byte_level) {
      for (const char byte : piece) {
        append_symbol(byte_ids_[static_cast<unsigned char>(byte)], &unknown_pending, ids);
      }
    } else {
      while (!piece.empty()) {
        const std::string_view c = piece.substr(0, unicode::decode(piece).bytes);
        const TokenId id = tokens_.find(c);
        if (id != kNoToken || !append_bytes(c, ids)) append_symbol(id, &unknown_pending, ids);
        piece.remove_prefix(c.size());
      }
    }
    if (unknown_pending) ids->push_back(*options_.unknown);
  }

  // As HF tokenizers does, an unknown token is held back until a known one follows, or another
  // unknown one that is not fused with it.
  void append_symbol(TokenId id, bool* unknown_pending, std::vector<TokenId>* ids) const {
    if (id == kNoToken && !options_.unknown) return;
    if (*unknown_pending && (id != kNoToken || !options_.fuse_unknown)) {
      ids->push_back(*options_.unknown);
    }
    *unknown_pending = id == kNoToken;
    if (id != kNoToken) ids->push_back(id);
  }

  // The byte tokens of a character, if it has all of them.
  bool append_bytes(std::string_view character, std::vector<TokenId>* ids) const {
    if (!options_.byte_fallback) return false;
    const size_t begin = ids->size();
    for (const char byte : character) {
      const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
      if (id == kNoToken) {
        ids->resize(begin);
        return false;
      }
      ids->push_back(id);
    }
    return true;
  }

  const BpeOptions options_;
  const TokenTable tokens_;
  MergeTable merges_;
  std::array<TokenId, 256> byte_ids_;
  mutable std::vector<std::atomic<Whole>> whole_;
};

Bpe::Bpe(std::unique_ptr<const Model> model) : model_(std::move(model)) {}
Bpe::Bpe(Bpe&& other) noexcept = default;
Bpe& Bpe::operator=(Bpe&& other) noexcept = default;
Bpe::~Bpe() = default;

Result<Bpe> Bpe::create(std::span<const std::string> tokens, std::span<const TokenMerge> merges,
                        const BpeOptions& options) {
  if (Status status = check(tokens, merges, options); !status.ok()) return status;
  return Bpe(std::make_unique<const Model>(tokens, merges, options));
}

void Bpe::encode(std::string_view piece, std::vector<TokenId>* ids) const {
  while (piece.size() > kPieceBytesMax) {
    model_->encode(piece.substr(0, kPieceBytesMax), ids);
    piece.remove_prefix(kPieceBytesMax);
  }
  if (!piece.empty()) model_->encode(piece, ids);
}

}  // namespace llmos
