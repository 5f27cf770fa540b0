// SPDX-License-Identifier: Apache-2.0
// The other end of tests/golden/make_tokenizers.py: encodes texts that it reads from stdin, each
// with its length as 4 little-endian bytes before it.
//
//   tokenize_stream PATH encode FLAGS   writes the ids of each text on a line
//   tokenize_stream PATH decode FLAGS   encodes and decodes, whole and streamed; writes texts
//                                       framed like those it reads
// FLAGS: s without special tokens around the text, p does not recognise them in it.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/tokenizer.h"

namespace llmos {
namespace {

bool read_text(std::string& text) {
  uint32_t size = 0;
  if (std::fread(&size, sizeof size, 1, stdin) != 1) return false;
  text.resize(size);
  return size == 0 || std::fread(text.data(), 1, size, stdin) == size;
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Detokenizer detokenizer(tokenizer);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

int run(const char* path, std::string_view verb, std::string_view flags) {
  const Result<Tokenizer> tokenizer = Tokenizer::open(path);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().to_string().c_str());
    return 1;
  }
  const EncodeOptions options{.add_special = flags.find('s') == flags.npos,
                              .parse_special = flags.find('p') == flags.npos};
  std::string text;
  while (read_text(text)) {
    const std::vector<TokenId> ids = tokenizer->encode(text, options);
    if (verb == "encode") {
      std::string line;
      for (const TokenId id : ids) line += std::to_string(id) + " ";
      line += "\n";
      std::fwrite(line.data(), 1, line.size(), stdout);
      continue;
    }
    const std::string decoded = tokenizer->decode(ids).value_or("");
    if (decoded != streamed(*tokenizer, ids)) return 2;
    const auto size = uint32_t(decoded.size());
    std::fwrite(&size, sizeof size, 1, stdout);
    std::fwrite(decoded.data(), 1, decoded.size(), stdout);
  }
  return 0;
}

}  // namespace
}  // namespace llmos

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return llmos::run(argv[1], argv[2], argv[3]);
}
