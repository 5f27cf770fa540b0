// SPDX-License-Identifier: Apache-2.0
#include "support/text_model.h"

#include <vector>

#include "format/checkpoint.h"
#include "format/gguf_writer.h"

namespace llmos::test {
namespace {

constexpr size_t kVocabulary = 128;

// <unk>, <s>, </s>, a space, the printable characters of ASCII, a new line, pairs.
std::vector<std::string> token_texts() {
  std::vector<std::string> texts{"<unk>", "<s>", "</s>", "\u2581"};
  for (char c = '!'; c <= '~'; ++c) texts.emplace_back(1, c);
  texts.emplace_back("\n");
  for (const char* pair :
       {"th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "ti", "es", "or", "te", "of",
        "ed", "is", "it", "al", "ar", "st", "to", "nt", "ng", "se", "ha", "as", "ou", "io"}) {
    if (texts.size() < kVocabulary) texts.emplace_back(pair);
  }
  return texts;
}

void set_tokenizer(GgufOutline& outline) {
  const std::vector<std::string> texts = token_texts();
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (size_t i = 0; i < texts.size(); ++i) {
    scores.push_back(-float(i));
    types.push_back(i == 0 ? 2 : i < 3 ? 3 : 1);  // unknown, control, normal
  }
  outline.set("tokenizer.ggml.model", std::string_view("llama"));
  outline.set_array("tokenizer.ggml.tokens", std::span<const std::string>(texts));
  outline.set_array("tokenizer.ggml.scores", scores);
  outline.set_array("tokenizer.ggml.token_type", types);
  outline.set("tokenizer.ggml.bos_token_id", uint32_t{1});
  outline.set("tokenizer.ggml.eos_token_id", uint32_t{2});
  outline.set("tokenizer.ggml.unknown_token_id", uint32_t{0});
  outline.set("tokenizer.chat_template",
              std::string_view("{% for m in messages %}{{ m.role[0] }}:{{ m.content }}\n"
                               "{% endfor %}{% if tools %}{{ tools | length }}t\n{% endif %}a:"));
}

}  // namespace

Status write_text_model(const std::string& from, const std::string& to) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(from);
  if (!checkpoint.ok()) return checkpoint.status();
  GgufOutline outline;
  for (const GgufEntry& entry : checkpoint->metadata().entries()) {
    if (!entry.key.starts_with("tokenizer.")) outline.set(entry);
  }
  set_tokenizer(outline);
  for (const TensorInfo& tensor : checkpoint->tensors()) {
    Status status = outline.add_tensor(tensor.name, tensor.dtype, tensor.shape);
    if (!status.ok()) return status;
  }
  Result<GgufWriter> writer = GgufWriter::create(to, std::move(outline));
  if (!writer.ok()) return writer.status();
  for (const TensorInfo& tensor : checkpoint->tensors()) {
    std::vector<std::byte> bytes(tensor.bytes);
    if (Status status = checkpoint->read(tensor, 0, bytes); !status.ok()) return status;
    if (Status status = writer->write(bytes); !status.ok()) return status;
  }
  return writer->finish();
}

}  // namespace llmos::test
