// SPDX-License-Identifier: Apache-2.0
#include "server/reply_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "server/client.h"
#include "support/temp_dir.h"
#include "support/text_model.h"

namespace server {
namespace {

using nlohmann::json;
using test::events_of;

class ReplyTextTest : public ::testing::Test {
 protected:
  ReplyTextTest() {
    const std::string path = dir_ / "tiny.gguf";
    const auto written = llmos::test::write_text_model(
        std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/llama2/model.gguf", path);
    EXPECT_TRUE(written.ok()) << written.to_string();
    tokenizer_ = std::make_unique<llmos::Tokenizer>(llmos::Tokenizer::open(path).value());
  }
  ReplyText text(bool chat, bool logprobs = false, bool usage = false) {
    ReplyHead head;
    head.chat = chat;
    head.id = "id-1";
    head.model = "m\"odel";
    head.created = 5;
    head.logprobs = logprobs;
    head.include_usage = usage;
    return ReplyText(head, *tokenizer_);
  }
  llmos::TokenId id(const char* stored) { return tokenizer_->find_token(stored); }

  llmos::test::TempDir dir_;
  std::unique_ptr<llmos::Tokenizer> tokenizer_;
};

json only_event(const std::string& out) {
  const auto events = events_of(out);
  EXPECT_EQ(events.size(), 1u) << out;
  return json::parse(events.at(0));
}

TEST_F(ReplyTextTest, StreamsAChat) {
  const ReplyText reply = text(true);
  std::string out;
  reply.append_role(out, 1);
  json event = only_event(out);
  EXPECT_EQ(event["object"], "chat.completion.chunk");
  EXPECT_EQ(event["model"], "m\"odel");
  EXPECT_EQ(event["choices"][0]["index"], 1);
  EXPECT_EQ(event["choices"][0]["delta"]["role"], "assistant");
  uint64_t offset = 0;
  out.clear();
  reply.append_chunk(out, 0, {.text = "a\n"}, offset);
  event = only_event(out);
  EXPECT_EQ(event["choices"][0]["delta"], json({{"content", "a\n"}}));
  EXPECT_TRUE(event["choices"][0]["finish_reason"].is_null());
  EXPECT_FALSE(event.contains("usage"));
  out.clear();
  reply.append_chunk(out, 0, {.finish = llmos::Finish::kLength}, offset);
  event = only_event(out);
  EXPECT_EQ(event["choices"][0]["delta"], json::object());
  EXPECT_EQ(event["choices"][0]["finish_reason"], "length");
  out.clear();
  reply.append_chunk(out, 0, {}, offset);
  EXPECT_EQ(out, "");
}

TEST_F(ReplyTextTest, TellsUsageLast) {
  const ReplyText reply = text(false, false, true);
  uint64_t offset = 0;
  std::string out;
  reply.append_chunk(out, 0, {.text = "a"}, offset);
  EXPECT_TRUE(only_event(out)["usage"].is_null());
  out.clear();
  UsageSum usage;
  llmos::Usage one;
  one.prompt_tokens = 3, one.output_tokens = 4, one.cached_tokens = 2;
  usage.add(one);
  usage.add(one);
  reply.append_usage(out, usage);
  const json event = only_event(out);
  EXPECT_EQ(event["choices"], json::array());
  EXPECT_EQ(event["usage"]["total_tokens"], 14);
  EXPECT_EQ(event["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
}

TEST_F(ReplyTextTest, TellsLogprobs) {
  const std::vector<llmos::PositionScore> scores{
      {.id = id("th"), .logprob = -0.5, .top = {{id("th"), -0.5}, {id("\u2581"), -1.5}}},
      {.id = tokenizer_->eos(), .logprob = -0.25}};
  uint64_t offset = 0;
  std::string out;
  text(true, true).append_chunk(out, 0, {.text = "th", .scores = scores}, offset);
  const json content = only_event(out)["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 1u);  // the end is no text
  EXPECT_EQ(content[0]["token"], "th");
  EXPECT_EQ(content[0]["logprob"], -0.5);
  EXPECT_EQ(content[0]["bytes"], json({116, 104}));
  EXPECT_EQ(content[0]["top_logprobs"][1]["token"], " ");
  out.clear();
  offset = 7;
  text(false, true).append_chunk(out, 0, {.text = "th", .scores = scores}, offset);
  const json old = only_event(out)["choices"][0]["logprobs"];
  EXPECT_EQ(old["tokens"], json({"th"}));
  EXPECT_EQ(old["token_logprobs"], json({-0.5}));
  EXPECT_EQ(old["top_logprobs"][0], json({{"th", -0.5}, {" ", -1.5}}));
  EXPECT_EQ(old["text_offset"], json({7}));
  EXPECT_EQ(offset, 9u);
}

TEST_F(ReplyTextTest, WritesWholeAnswers) {
  llmos::Output first, second;
  first.text = "one";
  first.finish = llmos::Finish::kStop;
  second.text = "two";
  second.finish = llmos::Finish::kLength;
  const llmos::Output* outputs[] = {&first, &second};
  const json chat = json::parse(text(true).whole(outputs, {}));
  EXPECT_EQ(chat["object"], "chat.completion");
  EXPECT_EQ(chat["choices"][0]["message"]["content"], "one");
  EXPECT_EQ(chat["choices"][1]["index"], 1);
  EXPECT_EQ(chat["choices"][1]["finish_reason"], "length");
  const json old = json::parse(text(false).whole(outputs, {}));
  EXPECT_EQ(old["object"], "text_completion");
  EXPECT_EQ(old["choices"][1]["text"], "two");
  EXPECT_TRUE(old["choices"][1]["logprobs"].is_null());
}

TEST(Embeddings, AreNumbersOrBase64) {
  const std::vector<std::vector<float>> vectors{{1, -2.5f}, {0}};
  const json plain = json::parse(embeddings_text(vectors, false, "m", 3));
  EXPECT_EQ(plain["data"][0]["embedding"], json({1.0, -2.5}));
  EXPECT_EQ(plain["data"][1]["index"], 1);
  EXPECT_EQ(plain["usage"]["total_tokens"], 3);
  // From Python: base64.b64encode(struct.pack('<2f', 1, -2.5))
  EXPECT_EQ(base64_text(vectors[0]), "AACAPwAAIMA=");
  EXPECT_EQ(base64_text(vectors[1]), "AAAAAA==");
  EXPECT_EQ(base64_text({}), "");
}

}  // namespace
}  // namespace server
