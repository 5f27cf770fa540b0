// SPDX-License-Identifier: Apache-2.0
#include "text/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos {
namespace {

using ::testing::HasSubstr;

const std::string kMessages = R"([{"role": "user", "content": "Hi"}])";

TEST(Chat, SetsWhatTemplatesExpect) {
  const Json context =
      chat_context({.messages = kMessages}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}).value();
  EXPECT_EQ(context, parse_json(R"({"bos_token": "<s>", "eos_token": "</s>", "tools": null,
      "documents": null, "add_generation_prompt": true,
      "messages": [{"role": "user", "content": "Hi"}]})")
                         .value());
}

TEST(Chat, TakesAWholeConversationAsAnObject) {
  const Json context = chat_context({.messages = R"({"messages": [], "tools": [{}],
                                       "add_generation_prompt": false, "extra": 1})",
                                     .variables = R"({"extra": 2, "more": 3})"},
                                    {})
                           .value();
  EXPECT_EQ(*context.find("add_generation_prompt"), Json(false));
  EXPECT_EQ(context.find("tools")->items().size(), 1u);
  EXPECT_EQ(*context.find("extra"), Json(1));
  EXPECT_EQ(*context.find("more"), Json(3));
}

TEST(Chat, RefusesOtherJson) {
  const auto message = [](const ChatInput& input) {
    const Status status = chat_context(input, {}).status();
    EXPECT_EQ(status.code(), Code::kInvalid);
    return status.message();
  };
  EXPECT_THAT(message({.messages = "{"}), HasSubstr("messages: line 1"));
  EXPECT_THAT(message({.messages = "7"}), HasSubstr("expected an array"));
  EXPECT_THAT(message({.messages = "{}"}), HasSubstr("expected an array"));
  EXPECT_THAT(message({.messages = kMessages, .tools = "{}"}), HasSubstr("tools: expected"));
  EXPECT_THAT(message({.messages = kMessages, .variables = "[]"}), HasSubstr("variables"));
}

TEST(Chat, ChoosesTheTemplate) {
  const NamedTemplate templates[] = {{"default", "a"}, {"tool_use", "b"}, {"rag", "c"}};
  const auto chosen = [&](std::string_view name, bool tools) {
    return choose_template(templates, name, tools).value()->text;
  };
  EXPECT_EQ(chosen("", false), "a");
  EXPECT_EQ(chosen("", true), "b");
  EXPECT_EQ(chosen("rag", true), "c");
  EXPECT_THAT(choose_template(templates, "x", false).status().message(), HasSubstr("\"rag\""));
  EXPECT_EQ(choose_template({}, "", false).status().code(), Code::kNotFound);
}

TEST(Chat, Renders) {
  const NamedTemplate templates[] = {{"", "{{ bos_token }}{{ messages[0].content }}"}};
  EXPECT_EQ(render_chat(templates, {{"bos_token", "<s>"}}, {.messages = kMessages}).value(),
            "<s>Hi");
}

}  // namespace
}  // namespace llmos
