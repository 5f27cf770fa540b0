// SPDX-License-Identifier: Apache-2.0
// Where render_chat() of a path finds its template. What templates mean is tests/text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llmos/tokenizer.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

const ChatInput kInput{.messages = R"([{"role": "user", "content": "Hi"}])"};
constexpr const char* kTemplate =
    R"({{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %})";

std::string config_of(const std::string& body) { return "{" + body + "}"; }

TEST(Chat, AJinjaFileIsTheTemplate) {
  const test::TempDir dir;
  EXPECT_EQ(render_chat(dir.write("a.jinja", kTemplate), kInput).value(), "[user]Hi");
}

TEST(Chat, ADirectoryHasItInItsTokenizerConfig) {
  const test::TempDir dir;
  dir.write("tokenizer_config.json",
            config_of(R"("bos_token": "<s>", "chat_template": "{{ bos_token }}:one")"));
  EXPECT_EQ(render_chat(dir.path(), kInput).value(), "<s>:one");
  dir.write("tokenizer_config.json",
            config_of(R"("bos_token": {"content": "<b>"}, "chat_template": [
                {"name": "default", "template": "{{ bos_token }}:two"},
                {"name": "tool_use", "template": "tools"}, {"name": 7}, 8])"));
  EXPECT_EQ(render_chat(dir.path(), kInput).value(), "<b>:two");
  // The file of its own wins.
  dir.write("chat_template.jinja", kTemplate);
  EXPECT_EQ(render_chat(dir.path(), kInput).value(), "<b>[user]Hi");
}

TEST(Chat, WhatIsMissingOrWrongIsNamed) {
  const test::TempDir dir;
  EXPECT_FALSE(render_chat(dir.path(), kInput).ok());
  EXPECT_EQ(render_chat("/nowhere.jinja", kInput).status().code(), Code::kNotFound);
  EXPECT_EQ(render_chat("/nowhere.gguf", kInput).status().code(), Code::kNotFound);
  dir.write("tokenizer_config.json", "{");
  const Status corrupt = render_chat(dir.path(), kInput).status();
  EXPECT_EQ(corrupt.code(), Code::kCorrupt);
  EXPECT_THAT(corrupt.message(), HasSubstr("tokenizer_config.json"));
  dir.write("tokenizer_config.json", "[1, 2]");
  EXPECT_FALSE(render_chat(dir.path(), kInput).ok());
  dir.write("chat_template.jinja", "{% for %}");
  EXPECT_FALSE(render_chat(dir.path(), kInput).ok());
  dir.write("chat_template.jinja", kTemplate);
  EXPECT_EQ(render_chat(dir.path(), {.messages = "no json"}).status().code(), Code::kInvalid);
  dir.write("chat_template.jinja", std::string((1 << 20) + 1, 'x'));
  EXPECT_FALSE(render_chat(dir.path(), kInput).ok()) << "a template of more than 1 MiB";
}

}  // namespace
}  // namespace llmos
