// SPDX-License-Identifier: Apache-2.0
// Tokenizer::open() stands here and not in text/, which knows no files.
#include "format/tokenizer_open.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/os_file.h"
#include "format/default_model.h"
#include "format/gguf.h"
#include "format/sentencepiece_model.h"
#include "format/tokenizer_gguf.h"
#include "format/tokenizer_json.h"
#include "llmos/tokenizer.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

namespace fs = std::filesystem;

Result<TokenizerSpec> read_gguf_file(Result<WeightFile> file) {
  if (!file.ok()) return file.status();
  Result<GgufHeader> header = read_gguf(*file);
  if (!header.ok()) return header.status();
  return read_gguf_tokenizer(header->metadata);
}

// By its first bytes: names lie.
Result<TokenizerSpec> read_file_of_any_kind(const std::string& path) {
  Result<os::MappedFile> file = os::MappedFile::open(path);
  if (!file.ok()) return file.status();
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("GGUF")) return read_gguf_file(WeightFile::map(path));
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && text[first] == '{') return read_tokenizer_json_file(path);
  return read_sentencepiece_file(path);
}

Result<TokenizerSpec> read_tokenizer(const std::string& path) {
  const Result<ModelPlace> at = find_model(path, nullptr);
  if (!at.ok()) return at.status();
  if (at->source) return read_gguf_file(WeightFile::of_source(*at->source, at->path));
  std::error_code error;
  return fs::is_directory(at->path, error) ? read_tokenizer_directory(WeightDirectory(at->path))
                                           : read_file_of_any_kind(at->path);
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_directory(const WeightDirectory& directory) {
  Result<TokenizerSpec> spec = read_tokenizer_json_file(directory, "tokenizer.json");
  if (spec.status().code() != Code::kNotFound) return spec;
  spec = read_sentencepiece_file(directory, "tokenizer.model");
  if (spec.status().code() != Code::kNotFound) return spec;
  return Status(Code::kNotFound,
                directory.path() +
                    ": expected tokenizer.json or tokenizer.model in this directory; "
                    "name a .gguf file itself");
}

Result<Tokenizer> Tokenizer::open(const std::string& path) {
  Result<TokenizerSpec> spec = read_tokenizer(path);
  if (!spec.ok()) return spec.status();
  Result<Tokenizer> tokenizer = make_tokenizer(*std::move(spec));
  if (tokenizer.ok()) return tokenizer;
  return Status(tokenizer.status().code(), path + ": " + tokenizer.status().message());
}

}  // namespace llmos
