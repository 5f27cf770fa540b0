// SPDX-License-Identifier: Apache-2.0
#include "llmos/tokenizer.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/text.h"
#include "text/chat.h"
#include "text/tokenizer_check.h"
#include "text/tokenizer_impl.h"
#include "text/utf8_stream.h"

namespace llmos {
namespace {

Result<Tokenizer::Impl::Model> make_model(const TokenizerSpec& spec, bool byte_level) {
  using Model = Tokenizer::Impl::Model;
  switch (spec.model) {
    case TokenizerModel::kSpm:
      return Model(Spm(spec));
    case TokenizerModel::kUnigram:
      return Model(Unigram(spec));
    case TokenizerModel::kWordLevel:
      return Model(WordLevel(spec));
    case TokenizerModel::kBpe:
      break;
  }
  Result<Bpe> bpe = Bpe::create(spec.tokens, spec.merges,
                                {.byte_level = byte_level,
                                 .ignore_merges = spec.ignore_merges,
                                 .byte_fallback = spec.byte_fallback,
                                 .fuse_unknown = spec.fuse_unknown,
                                 .unknown = spec.unknown});
  if (!bpe.ok()) return bpe.status();
  return Model(*std::move(bpe));
}

// The added tokens that are looked for before (`normalized` false) or behind the normaliser.
AddedTokens added_tokens(const TokenizerSpec& spec, const Normalizer& normalizer, bool normalized) {
  std::vector<AddedToken> chosen;
  for (const AddedToken& token : spec.added_tokens) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    if (normalized && !normalizer.empty()) chosen.back().text = normalizer.apply(token.text);
  }
  // What normalising made too long to look for is nowhere.
  std::erase_if(chosen, [](const AddedToken& token) {
    return token.text.size() > AddedTokens::kTokenBytesMax;
  });
  return AddedTokens(std::move(chosen), spec.added_token_order);
}

}  // namespace

WordLevel::WordLevel(const TokenizerSpec& spec)
    : table_(spec.tokens), unknown_(spec.unknown.value_or(kNoToken)) {}

void WordLevel::encode(std::string_view piece, std::vector<TokenId>& ids) const {
  TokenId id = table_.find(piece);
  if (id == kNoToken) id = unknown_;
  if (id != kNoToken) ids.push_back(id);
}

Tokenizer::Impl::Impl(TokenizerSpec spec, Model model, Normalizer normalizer,
                      Pretokenizer pretokenizer, Decoder decoder)
    : spec_(std::move(spec)),
      table_(spec_.tokens),
      ends_(spec_.tokens.size()),
      model_(std::move(model)),
      normalizer_(std::move(normalizer)),
      pretokenizer_(std::move(pretokenizer)),
      decoder_(std::move(decoder)),
      raw_added_(added_tokens(spec_, normalizer_, false)),
      normalized_added_(added_tokens(spec_, normalizer_, true)) {
  for (const TokenId id : spec_.end_of_generation) ends_[size_t(id)] = true;
}

Result<std::shared_ptr<const Tokenizer::Impl>> Tokenizer::Impl::make(TokenizerSpec spec) {
  if (Status status = check_tokenizer_spec(spec); !status.ok()) return status;
  Result<Normalizer> normalizer = Normalizer::create(spec);
  if (!normalizer.ok()) return normalizer.status();
  Result<Pretokenizer> pretokenizer = Pretokenizer::create(spec.pretokenizer);
  if (!pretokenizer.ok()) return pretokenizer.status();
  Result<Decoder> decoder = Decoder::create(spec);
  if (!decoder.ok()) return decoder.status();
  Result<Model> model = make_model(spec, pretokenizer->byte_level());
  if (!model.ok()) return model.status();
  spec.merges = {};  // the model has its own, and nobody else asks for them
  spec.scores = {};
  return std::shared_ptr<const Impl>(new Impl(std::move(spec), *std::move(model),
                                              *std::move(normalizer), *std::move(pretokenizer),
                                              *std::move(decoder)));
}

void Tokenizer::Impl::encode(std::string_view text, const EncodeOptions& options,
                             std::vector<TokenId>& ids) const {
  if (options.add_special) ids.insert(ids.end(), spec_.prefix.begin(), spec_.prefix.end());
  std::vector<TextPart> parts;
  raw_added_.split(text, options.parse_special, parts);
  for (const TextPart& part : parts) {
    if (part.id != kNoToken) {
      ids.push_back(part.id);
    } else {
      encode_raw(part.text, options.parse_special, part.text.data() == text.data(), ids);
    }
  }
  if (options.add_special) ids.insert(ids.end(), spec_.suffix.begin(), spec_.suffix.end());
}

void Tokenizer::Impl::encode_raw(std::string_view text, bool special, bool at_begin,
                                 std::vector<TokenId>& ids) const {
  std::string normalized;
  if (!normalizer_.empty()) text = normalized = normalizer_.apply(text, at_begin);
  if (normalized_added_.empty()) return encode_normalized(text, at_begin, ids);
  std::vector<TextPart> parts;
  normalized_added_.split(text, special, parts);
  for (const TextPart& part : parts) {
    if (part.id != kNoToken) {
      ids.push_back(part.id);
    } else {
      encode_normalized(part.text, at_begin && part.text.data() == text.data(), ids);
    }
  }
}

void Tokenizer::Impl::encode_normalized(std::string_view text, bool at_begin,
                                        std::vector<TokenId>& ids) const {
  const auto encode_with = [&](const auto& model) {
    const auto encode_piece = [&](std::string_view piece) {
      if constexpr (std::is_same_v<std::decay_t<decltype(model)>, Bpe>) {
        model.encode(piece, &ids);
      } else {
        model.encode(piece, ids);
      }
    };
    pretokenizer_.split(text, encode_piece, at_begin);
  };
  std::visit(encode_with, model_);
}

Result<Tokenizer> make_tokenizer(TokenizerSpec spec) {
  auto impl = Tokenizer::Impl::make(std::move(spec));
  if (!impl.ok()) return impl.status();
  return Tokenizer(*std::move(impl));
}

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  impl_->encode(text, options, ids);
  return ids;
}

Result<std::string> Tokenizer::decode(std::span<const TokenId> ids,
                                      const DecodeOptions& options) const {
  const Decoder& decoder = impl_->decoder();
  Decoder::Place place;
  std::string bytes;
  for (const TokenId id : ids) {
    if (!impl_->has(id)) {
      return Status(Code::kInvalid, (Text() << "decode: expected ids from 0 to "
                                            << vocabulary_size() - 1 << ", found " << id)
                                        .str());
    }
    if (options.skip_special && decoder.is_special(id)) continue;
    decoder.append(id, impl_->spec().tokens[size_t(id)], place, bytes);
  }
  Utf8Stream stream;
  std::string text;
  stream.push(bytes, text);
  stream.finish(text);
  return text;
}

size_t Tokenizer::vocabulary_size() const noexcept { return impl_->spec().tokens.size(); }

std::string_view Tokenizer::token(TokenId id) const noexcept {
  return impl_->has(id) ? std::string_view(impl_->spec().tokens[size_t(id)]) : std::string_view();
}

TokenKind Tokenizer::token_kind(TokenId id) const noexcept {
  if (!impl_->has(id)) return TokenKind::kUnused;
  switch (impl_->spec().types[size_t(id)]) {
    case TokenType::kNormal:
      return TokenKind::kNormal;
    case TokenType::kUnknown:
      return TokenKind::kUnknown;
    case TokenType::kControl:
      return TokenKind::kControl;
    case TokenType::kUserDefined:
      return TokenKind::kUserDefined;
    case TokenType::kByte:
      return TokenKind::kByte;
    case TokenType::kUnused:
      break;
  }
  return TokenKind::kUnused;
}

TokenId Tokenizer::find_token(std::string_view token) const noexcept {
  return impl_->table().find(token);
}

TokenId Tokenizer::bos() const noexcept { return impl_->spec().bos.value_or(kNoToken); }
TokenId Tokenizer::eos() const noexcept { return impl_->spec().eos.value_or(kNoToken); }
TokenId Tokenizer::unknown() const noexcept { return impl_->spec().unknown.value_or(kNoToken); }
TokenId Tokenizer::padding() const noexcept { return impl_->spec().padding.value_or(kNoToken); }
bool Tokenizer::is_end(TokenId id) const noexcept { return impl_->is_end(id); }

bool Tokenizer::has_chat_template() const noexcept { return !impl_->spec().chat_templates.empty(); }

Result<std::string> Tokenizer::render_chat(const ChatInput& input) const {
  const std::pair<const char*, TokenId> named[] = {{"bos_token", bos()},
                                                   {"eos_token", eos()},
                                                   {"unk_token", unknown()},
                                                   {"pad_token", padding()}};
  ChatTokens tokens;
  for (const auto& [name, id] : named) {
    if (id != kNoToken) tokens.emplace_back(name, token(id));
  }
  return llmos::render_chat(impl_->spec().chat_templates, tokens, input);
}

}  // namespace llmos
