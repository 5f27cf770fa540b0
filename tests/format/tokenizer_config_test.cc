// SPDX-License-Identifier: Apache-2.0
#include "format/tokenizer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/tokenizer_json.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kTokenizer =
    R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"added_tokens":[)"
    R"({"id":5,"content":"<s>","special":true},{"id":6,"content":"<|im_end|>","special":true},)"
    R"({"id":7,"content":"x"}]})";

TEST(TokenizerConfig, ConfigNamesSpecialTokens) {
  TokenizerSpec spec = read_tokenizer_json(parse_json(kTokenizer).value()).value();
  const Status status = apply_tokenizer_config(
      parse_json(R"({"bos_token":"<s>","eos_token":{"content":"b"},"pad_token":"missing",
                     "chat_template":"x"})")
          .value(),
      spec);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(spec.bos, 5);
  EXPECT_EQ(spec.eos, 1);
  EXPECT_EQ(spec.padding, std::nullopt);
  EXPECT_EQ(spec.chat_templates[0].text, "x");
  const auto code = [&](const char* text) {
    return apply_tokenizer_config(parse_json(text).value(), spec).code();
  };
  EXPECT_EQ(code(R"({"chat_template":[{"name":"n","template":"t"}]})"), Code::kOk);
  EXPECT_EQ(spec.chat_templates[1].name, "n");
  EXPECT_EQ(code(R"({"chat_template":[{"name":"n"}]})"), Code::kInvalid);
  EXPECT_EQ(code(R"({"chat_template":[7]})"), Code::kInvalid);
  EXPECT_EQ(code("[]"), Code::kOk);
}

TEST(TokenizerConfig, FilesBeside) {
  const test::TempDir dir;
  const std::string path = dir.write("tokenizer.json", kTokenizer);
  EXPECT_THAT(read_tokenizer_json_file(path)->end_of_generation, ElementsAre(6));
  dir.write("special_tokens_map.json", R"({"bos_token":"b","eos_token":"a"})");
  dir.write("tokenizer_config.json", R"({"bos_token":"<s>"})");
  dir.write("generation_config.json", R"({"eos_token_id":[7,1000,"y",-1]})");
  dir.write("chat_template.jinja", "jinja");
  const TokenizerSpec spec = read_tokenizer_json_file(path).value();
  EXPECT_EQ(spec.bos, 5);
  EXPECT_EQ(spec.eos, 0);
  EXPECT_THAT(spec.end_of_generation, ElementsAre(0, 6, 7));
  EXPECT_EQ(spec.chat_templates[0].text, "jinja");
  dir.write("tokenizer_config.json", "{");
  EXPECT_THAT(read_tokenizer_json_file(path).status().message(),
              HasSubstr("tokenizer_config.json"));
  EXPECT_EQ(read_tokenizer_json_file(dir / "none").status().code(), Code::kNotFound);
}

TEST(TokenizerConfig, ReadsAFileIfItIsThere) {
  const test::TempDir dir;
  const WeightDirectory directory(dir.path());
  EXPECT_TRUE(read_json_if_there(directory, "none.json")->is_null());
  dir.write("7.json", "7");
  EXPECT_EQ(read_json_if_there(directory, "7.json").value(), Json(7));
  dir.write("bad.json", "{");
  EXPECT_THAT(read_json_if_there(directory, "bad.json").status().message(), HasSubstr("bad.json"));
}

}  // namespace
}  // namespace llmos
