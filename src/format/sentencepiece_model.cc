// SPDX-License-Identifier: Apache-2.0
#include "format/sentencepiece_model.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_cursor.h"
#include "format/end_tokens.h"
#include "format/protobuf.h"
#include "format/tokenizer_config.h"

namespace llmos {
namespace {

// Real ones have up to 5 MB.
constexpr size_t kSentencepieceBytesMax = size_t{256} << 20;
constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

// Numbers of the fields that are read, of sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField : uint32_t { kPiece = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kWhitespaceAsSuffix = 24,
  kByteFallback = 35,
  kBosId = 41,
  kEosId = 42,
  kPadId = 43,
  kUnknownSurface = 44,
};
enum NormalizerField : uint32_t {
  kCharsmap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5,
};

class SentencepieceReader {
 public:
  Result<TokenizerSpec> read(std::string_view bytes) {
    walk(bytes, "model", [&](const ProtobufField& field) {
      if (field.wire != ProtobufField::Wire::kBytes) return;
      if (field.number == kPieces) read_piece(field.bytes);
      if (field.number == kTrainer) read_trainer(field.bytes);
      if (field.number == kNormalizer) read_normalizer(field.bytes);
    });
    finish();
    if (!status_.ok()) return status_;
    return std::move(spec_);
  }

 private:
  // Calls visit(field) for every field of a message.
  template <class Visit>
  void walk(std::string_view message, const char* name, Visit&& visit) {
    ProtobufReader reader(message);
    ProtobufField field;
    while (status_.ok() && reader.next(field)) visit(field);
    if (status_.ok() && !reader.status().ok()) {
      status_ = Status(Code::kCorrupt,
                       std::string("sentencepiece ") + name + ": " + reader.status().message());
    }
  }

  void fail(Code code, std::string what) {
    if (status_.ok()) status_ = Status(code, "sentencepiece model: " + std::move(what));
  }

  void read_piece(std::string_view message);
  void read_trainer(std::string_view message);
  void read_normalizer(std::string_view message);
  void check_pieces();
  void finish();

  Status status_;
  TokenizerSpec spec_;
  NormalizerStep normalizer_{
      .kind = NormalizerStep::Kind::kSentencepiece,
      .add_dummy_prefix = true,
      .remove_extra_whitespaces = true,
  };
  int64_t model_type_ = 1;
  int64_t bos_ = 1;
  int64_t eos_ = 2;
  int64_t pad_ = -1;
};

void SentencepieceReader::read_piece(std::string_view message) {
  std::string_view piece;
  double score = 0;
  int64_t type = 1;
  walk(message, "piece", [&](const ProtobufField& field) {
    if (field.number == kPiece) piece = field.bytes;
    if (field.number == kScore) score = field.number32();
    if (field.number == kType) type = field.integer();
  });
  if (piece.empty()) fail(Code::kCorrupt, "expected a text for every piece, found none");
  if (type < 1 || type > int64_t(TokenType::kByte)) {
    fail(Code::kCorrupt, "expected piece types from 1 to 6, found " + std::to_string(type));
    return;
  }
  spec_.tokens.emplace_back(piece);
  spec_.scores.push_back(score);
  spec_.types.push_back(TokenType(type));
}

void SentencepieceReader::read_trainer(std::string_view message) {
  spec_.unknown_text = " \xE2\x81\x87 ";
  // Ids are int32, which protocol buffers write as 64 bits.
  walk(message, "trainer_spec", [&](const ProtobufField& field) {
    if (field.number == kModelType) model_type_ = field.integer();
    if (field.number == kWhitespaceAsSuffix) normalizer_.whitespace_as_suffix = field.boolean();
    if (field.number == kByteFallback) spec_.byte_fallback = field.boolean();
    if (field.number == kBosId) bos_ = field.integer();
    if (field.number == kEosId) eos_ = field.integer();
    if (field.number == kPadId) pad_ = field.integer();
    if (field.number == kUnknownSurface) spec_.unknown_text = std::string(field.bytes);
  });
}

void SentencepieceReader::read_normalizer(std::string_view message) {
  walk(message, "normalizer_spec", [&](const ProtobufField& field) {
    if (field.number == kCharsmap) normalizer_.content = std::string(field.bytes);
    if (field.number == kAddDummyPrefix) normalizer_.add_dummy_prefix = field.boolean();
    if (field.number == kRemoveExtraWhitespaces) {
      normalizer_.remove_extra_whitespaces = field.boolean();
    }
    if (field.number == kEscapeWhitespaces) normalizer_.escape_whitespaces = field.boolean();
  });
}

void SentencepieceReader::check_pieces() {
  const auto unknown = std::find(spec_.types.begin(), spec_.types.end(), TokenType::kUnknown);
  if (unknown == spec_.types.end()) return fail(Code::kCorrupt, "expected an unknown piece");
  spec_.unknown = TokenId(unknown - spec_.types.begin());
  const auto bytes = std::count(spec_.types.begin(), spec_.types.end(), TokenType::kByte);
  if (spec_.byte_fallback && bytes != 256) {
    fail(Code::kCorrupt, "expected 256 byte pieces, found " + std::to_string(bytes));
  }
}

void SentencepieceReader::finish() {
  if (!status_.ok()) return;
  if (model_type_ != 1 && model_type_ != 2) {
    return fail(Code::kUnsupported,
                "expected model type 1 (unigram) or 2 (BPE), found " + std::to_string(model_type_));
  }
  check_pieces();
  spec_.model = model_type_ == 1 ? TokenizerModel::kUnigram : TokenizerModel::kSpm;
  spec_.fuse_unknown = true;
  spec_.skip_unused = true;
  spec_.float_scores = true;
  const auto special = [&](int64_t id) -> std::optional<TokenId> {
    const bool there = id >= 0 && id < int64_t(spec_.types.size()) &&
                       spec_.types[size_t(id)] == TokenType::kControl;
    return there ? std::optional(TokenId(id)) : std::nullopt;
  };
  spec_.bos = special(bos_);
  spec_.eos = special(eos_);
  spec_.padding = special(pad_);
  if (spec_.bos) spec_.prefix = {*spec_.bos};
  if (spec_.eos) spec_.end_of_generation = {*spec_.eos};
  for (size_t id = 0; id < spec_.tokens.size(); ++id) {
    if (spec_.types[id] != TokenType::kControl) continue;
    AddedToken added{TokenId(id), spec_.tokens[id]};
    added.special = true;
    spec_.added_tokens.push_back(std::move(added));
    const auto end = std::find(std::begin(kEndTokens), std::end(kEndTokens), spec_.tokens[id]);
    if (end != std::end(kEndTokens)) spec_.end_of_generation.push_back(TokenId(id));
  }
  drop_false_ends(spec_.tokens, spec_.end_of_generation);
  constexpr uint32_t kAllSpaces = UINT32_MAX;
  const uint32_t leading = normalizer_.remove_extra_whitespaces ? kAllSpaces
                           : normalizer_.add_dummy_prefix       ? 1
                                                                : 0;
  spec_.decoder = {{DecoderStep::Kind::kReplace, std::string(kSpace), " "},
                   {DecoderStep::Kind::kByteFallback},
                   {DecoderStep::Kind::kFuse},
                   {DecoderStep::Kind::kStrip, "", " ", leading}};
  spec_.normalizer = {std::move(normalizer_)};
}

// Whether BOS and EOS stand around a text, as the file beside says it, if it does.
Status read_surroundings(const WeightDirectory& directory, TokenizerSpec& spec) {
  constexpr const char* kName = "tokenizer_config.json";
  const Result<Json> json = read_json_if_there(directory, kName);
  if (!json.ok()) return json.status();
  if (!json->is_object()) return {};
  const JsonCursor root(*json, directory.path_of(kName));
  const Result<bool> bos = root["add_bos_token"].boolean_or(!spec.prefix.empty());
  if (!bos.ok()) return bos.status();
  const Result<bool> eos = root["add_eos_token"].boolean_or(false);
  if (!eos.ok()) return eos.status();
  spec.prefix.clear();
  if (*bos && spec.bos) spec.prefix = {*spec.bos};
  if (*eos && spec.eos) spec.suffix = {*spec.eos};
  return {};
}

}  // namespace

Result<TokenizerSpec> read_sentencepiece_model(std::string_view bytes) {
  return SentencepieceReader().read(bytes);
}

Result<TokenizerSpec> read_sentencepiece_file(const std::string& path) {
  const WeightPath parts = split_path(path);
  return read_sentencepiece_file(parts.directory, parts.name);
}

Result<TokenizerSpec> read_sentencepiece_file(const WeightDirectory& directory,
                                              const std::string& name) {
  const Result<std::string> bytes = directory.read(name, kSentencepieceBytesMax);
  if (!bytes.ok()) return bytes.status();
  Result<TokenizerSpec> spec = read_sentencepiece_model(*bytes);
  if (!spec.ok()) {
    return Status(spec.status().code(), directory.path_of(name) + ": " + spec.status().message());
  }
  if (Status status = apply_files_beside(directory, *spec); !status.ok()) return status;
  if (Status status = read_surroundings(directory, *spec); !status.ok()) return status;
  return spec;
}

}  // namespace llmos
