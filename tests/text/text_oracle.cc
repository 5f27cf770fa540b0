// SPDX-License-Identifier: Apache-2.0
// What our parts make of strings, for `--against` of make_pretokenizers.py and make_unicode.py in
// tests/golden, and for compare_regex.py.
//
//   text_oracle pieces NAME         the lengths of the pieces, in bytes
//   text_oracle ids NAME FILE.json  the ids by a trained vocabulary
//   text_oracle normal FORM         the bytes of the normal form: nfc nfd nfkc nfkd lower
//   text_oracle regex               of pairs of strings, a pattern and a text: the lengths of the
//                                   pieces, none if we refuse the pattern
//
// stdin: for each string its length in 4 bytes, little-endian, and its bytes. stdout: for each the
// count of its numbers and the numbers, 4 bytes each.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalize.h"
#include "text/trained_bpe.h"

namespace {

using llmos::test::TrainedBpe;

int fail(const llmos::Status& status) {
  std::fprintf(stderr, "text_oracle: %s\n", status.to_string().c_str());
  return 1;
}

bool read_string(std::string* text) {
  uint32_t size = 0;
  if (std::fread(&size, sizeof size, 1, stdin) != 1) return false;
  text->resize(size);
  return std::fread(text->data(), 1, size, stdin) == size;
}

// `numbers(text, answer)` appends what belongs to one string.
template <class Numbers>
int answer_all(Numbers numbers) {
  std::string text;
  while (read_string(&text)) {
    std::vector<uint32_t> answer{0};
    numbers(text, &answer);
    answer[0] = uint32_t(answer.size() - 1);
    std::fwrite(answer.data(), sizeof(uint32_t), answer.size(), stdout);
  }
  return 0;
}

void append_pieces(const llmos::Pretokenizer& pretokenizer, std::string_view text,
                   std::vector<uint32_t>* answer) {
  pretokenizer.split(text,
                     [&](std::string_view piece) { answer->push_back(uint32_t(piece.size())); });
}

int answer_patterns() {
  return answer_all([](const std::string& pattern, std::vector<uint32_t>* answer) {
    std::string text;
    if (!read_string(&text)) return;
    llmos::PretokenizerStep step{.kind = llmos::PretokenizerStep::Kind::kSplitRegex};
    step.pattern = pattern;
    const auto pretokenizer = llmos::Pretokenizer::create({&step, 1});
    if (pretokenizer.ok()) append_pieces(*pretokenizer, text, answer);
  });
}

using Normal = std::string (*)(std::string_view);

template <llmos::unicode::Form kForm>
std::string normal(std::string_view text) {
  return llmos::unicode::normalize(text, kForm);
}

// Null for another name.
Normal normal_form(std::string_view name) {
  using llmos::unicode::Form;
  if (name == "nfc") return normal<Form::kNfc>;
  if (name == "nfd") return normal<Form::kNfd>;
  if (name == "nfkc") return normal<Form::kNfkc>;
  if (name == "nfkd") return normal<Form::kNfkd>;
  return name == "lower" ? llmos::unicode::lowercase : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "pieces" && argc == 3) {
    const auto pretokenizer = llmos::test::named_pretokenizer(argv[2]);
    if (!pretokenizer.ok()) return fail(pretokenizer.status());
    return answer_all([&](const std::string& text, std::vector<uint32_t>* answer) {
      append_pieces(*pretokenizer, text, answer);
    });
  }
  if (what == "ids" && argc == 4) {
    const auto trained = TrainedBpe::load(argv[2], argv[3]);
    if (!trained.ok()) return fail(trained.status());
    return answer_all([&](const std::string& text, std::vector<uint32_t>* answer) {
      for (const llmos::TokenId id : trained->encode(text)) answer->push_back(uint32_t(id));
    });
  }
  if (what == "regex" && argc == 2) return answer_patterns();
  if (const Normal make = what == "normal" && argc == 3 ? normal_form(argv[2]) : nullptr) {
    return answer_all([&](const std::string& text, std::vector<uint32_t>* answer) {
      for (const char byte : make(text)) answer->push_back(static_cast<unsigned char>(byte));
    });
  }
  std::fprintf(stderr,
               "usage: text_oracle pieces NAME | ids NAME FILE.json | normal FORM | regex   (see "
               "its source)\n");
  return 2;
}
