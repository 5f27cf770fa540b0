// SPDX-License-Identifier: Apache-2.0
#include "server/api_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/json_fields.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

GenerateRequest chat(const std::string& members) {
  auto parsed =
      parse_chat_request(R"({"messages":[{"role":"user","content":"Hi"}])" + members + "}");
  if (const auto* error = std::get_if<ApiError>(&parsed)) ADD_FAILURE() << error->message;
  return std::get<GenerateRequest>(std::move(parsed));
}

// The field at fault; its message names it too.
std::string chat_fault(const std::string& members) {
  const auto parsed =
      parse_chat_request(R"({"messages":[{"role":"user","content":"Hi"}])" + members + "}");
  if (std::holds_alternative<GenerateRequest>(parsed)) return "";
  const ApiError& error = std::get<ApiError>(parsed);
  EXPECT_EQ(error.http_status, 400);
  EXPECT_THAT(error.message, HasSubstr(error.param));
  return error.param;
}

std::string fault(const OrError<GenerateRequest>& parsed) {
  const auto* error = std::get_if<ApiError>(&parsed);
  return error ? error->message : "";
}

TEST(ApiRequest, ReadsAChat) {
  const GenerateRequest request = chat(
      R"(,"model":"tale","stream":true,"stream_options":{"include_usage":true},"n":2,
      "max_completion_tokens":7,"temperature":0.5,"top_p":0.9,"stop":["a","b"],"seed":11,
      "logit_bias":{"5":-100,"6":2.5},"presence_penalty":0.5,"frequency_penalty":-0.5,
      "logprobs":true,"top_logprobs":3,"user":"me","top_k":40,"min_p":0.05)");
  EXPECT_TRUE(request.chat);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_TRUE(request.seeded);
  EXPECT_EQ(request.model, "tale");
  ASSERT_EQ(request.prompts.size(), 1u);
  const auto& messages = std::get<std::vector<llmos::Message>>(request.prompts[0]);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].role, "user");
  EXPECT_EQ(messages[0].content, "Hi");
  const llmos::Request& r = request.request;
  EXPECT_EQ(r.choices, 2u);
  EXPECT_EQ(r.tokens_max, 7u);
  EXPECT_THAT(r.stop, ElementsAre("a", "b"));
  EXPECT_TRUE(r.logprobs);
  EXPECT_EQ(r.logprobs_top, 3u);
  EXPECT_EQ(r.sampling.seed, 11u);
  EXPECT_EQ(r.sampling.temperature, 0.5f);
  EXPECT_EQ(r.sampling.top_p, 0.9f);
  EXPECT_EQ(r.sampling.top_k, 40u);
  EXPECT_EQ(r.sampling.min_p, 0.05f);
  EXPECT_EQ(r.sampling.presence_penalty, 0.5f);
  EXPECT_EQ(r.sampling.frequency_penalty, -0.5f);
  ASSERT_EQ(r.sampling.bias.size(), 2u);
  EXPECT_EQ(r.sampling.bias[0].id, 5);
  EXPECT_EQ(r.sampling.bias[0].bias, -100);
}

TEST(ApiRequest, HasTheDefaultsOfTheApi) {
  const GenerateRequest request = chat("");
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.seeded);
  EXPECT_EQ(request.request.tokens_max, UINT32_MAX);
  EXPECT_EQ(request.request.sampling.temperature, 1);
  EXPECT_EQ(chat(R"(,"max_tokens":9)").request.tokens_max, 9u);
  EXPECT_EQ(chat(R"(,"max_tokens":null,"stop":null,"seed":null)").request.tokens_max, UINT32_MAX);
  const auto text = std::get<GenerateRequest>(parse_completion_request(R"({"prompt":"a"})"));
  EXPECT_EQ(text.request.tokens_max, 16u);
  EXPECT_FALSE(text.request.logprobs);
}

TEST(ApiRequest, NamesTheFieldThatItDoesNotSupport) {
  EXPECT_EQ(chat_fault(R"(,"frobnicate":1)"), "frobnicate");
  EXPECT_EQ(chat_fault(R"(,"tools":[{"type":"function"}])"), "tools");
  EXPECT_EQ(chat_fault(R"(,"tools":[])"), "");
  EXPECT_EQ(chat_fault(R"(,"response_format":{"type":"json_object"})"), "response_format");
  EXPECT_EQ(chat_fault(R"(,"response_format":{"type":"text"})"), "");
  EXPECT_EQ(chat_fault(R"(,"stream":true,"stream_options":{"x":1})"), "stream_options.x");
  EXPECT_EQ(chat_fault(R"(,"store":true)"), "store");
  const auto image = parse_chat_request(
      R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]})");
  EXPECT_EQ(std::get<ApiError>(image).param, "messages[0].content[0].type");
  EXPECT_THAT(fault(parse_completion_request(R"({"prompt":"a","echo":true})")), HasSubstr("echo"));
  EXPECT_THAT(fault(parse_completion_request(R"({"prompt":"a","best_of":2})")),
              HasSubstr("best_of"));
}

TEST(ApiRequest, NamesTheFieldThatIsOutOfRange) {
  EXPECT_EQ(chat_fault(R"(,"temperature":2.1)"), "temperature");
  EXPECT_EQ(chat_fault(R"(,"temperature":"hot")"), "temperature");
  EXPECT_EQ(chat_fault(R"(,"temperature":1e999)"), "");  // no JSON number: the body is at fault
  EXPECT_EQ(chat_fault(R"(,"n":0)"), "n");
  EXPECT_EQ(chat_fault(R"(,"n":1000000)"), "n");
  EXPECT_EQ(chat_fault(R"(,"n":1.5)"), "n");
  EXPECT_EQ(chat_fault(R"(,"max_tokens":-1)"), "max_tokens");
  EXPECT_EQ(chat_fault(R"(,"stop":[1])"), "stop[0]");
  EXPECT_EQ(chat_fault(R"(,"stop":{})"), "stop");
  EXPECT_EQ(chat_fault(R"(,"seed":"x")"), "seed");
  EXPECT_EQ(chat_fault(R"(,"logit_bias":{"x":1})"), "logit_bias");
  EXPECT_EQ(chat_fault(R"(,"logit_bias":{"1":101})"), "logit_bias.1");
  EXPECT_EQ(chat_fault(R"(,"logit_bias":[])"), "logit_bias");
  EXPECT_EQ(chat_fault(R"(,"top_logprobs":2)"), "top_logprobs");
  EXPECT_EQ(chat_fault(R"(,"stream_options":{})"), "stream_options");
  EXPECT_EQ(chat_fault(R"(,"stream":1)"), "stream");
  EXPECT_EQ(chat_fault(R"(,"min_tokens":5,"max_tokens":4)"), "min_tokens");
  EXPECT_EQ(chat_fault(R"(,"stop_token_ids":[-1])"), "stop_token_ids[0]");
}

TEST(ApiRequest, ReadsMessages) {
  const auto parsed = parse_chat_request(
      R"({"messages":[{"role":"system","content":[{"type":"text","text":"a"},
      {"type":"text","text":"b"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}],
      "refusal":null},{"role":"tool","content":"c","tool_call_id":"1"}]})");
  const auto& messages =
      std::get<std::vector<llmos::Message>>(std::get<GenerateRequest>(parsed).prompts[0]);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0].content, "ab");
  EXPECT_EQ(messages[1].content, "");
  EXPECT_EQ(messages[1].tool_calls, R"([{"id":"1"}])");
  EXPECT_EQ(messages[2].tool_call_id, "1");
  for (const char* body :
       {R"({"messages":[]})", R"({"messages":{}})", "{}", R"({"messages":[1]})",
        R"({"messages":[{"content":"x"}]})", R"({"messages":[{"role":"user","content":5}]})",
        R"({"messages":[{"role":"user","content":"x","extra":1}]})"}) {
    EXPECT_THAT(fault(parse_chat_request(body)), HasSubstr("messages")) << body;
  }
}

size_t prompts(const std::string& prompt) {
  const auto parsed = parse_completion_request(R"({"prompt":)" + prompt + "}");
  const auto* request = std::get_if<GenerateRequest>(&parsed);
  return request ? request->prompts.size() : 0;
}

TEST(ApiRequest, ReadsPromptsOfEveryForm) {
  EXPECT_EQ(prompts(R"("a")"), 1u);
  EXPECT_EQ(prompts(R"(["a","b"])"), 2u);
  EXPECT_EQ(prompts("[1,2,3]"), 1u);
  EXPECT_EQ(prompts("[[1,2],[3]]"), 2u);
  EXPECT_EQ(prompts("[]"), 0u);
  EXPECT_EQ(prompts("[-1]"), 0u);
  EXPECT_EQ(prompts("[1.5]"), 0u);
  EXPECT_EQ(prompts("[99999999999]"), 0u);
  EXPECT_EQ(prompts(R"([1,"a"])"), 0u);
  EXPECT_EQ(prompts(R"({"a":1})"), 0u);
  std::string many = R"(["a")";
  for (size_t i = 0; i < kPromptsMax; ++i) many += R"(,"a")";
  EXPECT_EQ(prompts(many + "]"), 0u);
}

TEST(ApiRequest, ReadsEmbeddingsAndTokenize) {
  const auto vectors = std::get<EmbeddingsRequest>(
      parse_embeddings_request(R"({"input":["a","b"],"model":"m","encoding_format":"base64"})"));
  EXPECT_EQ(vectors.inputs.size(), 2u);
  EXPECT_TRUE(vectors.base64);
  EXPECT_EQ(std::get<ApiError>(parse_embeddings_request(R"({"input":"a","dimensions":3})")).param,
            "dimensions");
  const auto tokens = std::get<TokenizeRequest>(
      parse_tokenize_request(R"({"prompt":"x","add_special_tokens":false})"));
  EXPECT_EQ(tokens.text, "x");
  EXPECT_FALSE(tokens.add_special);
}

TEST(ApiRequest, RefusesWhatIsNoRequest) {
  for (const std::string& body :
       {std::string(), std::string("null"), std::string("[1]"), std::string("{"),
        std::string("{\"prompt\":\"\xFF\"}"), std::string("{} {}"), std::string(200, '['),
        "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    EXPECT_THAT(fault(parse_completion_request(body)), HasSubstr("body: expected")) << body;
  }
  // A million empty values cost as many bytes, and no more memory than the bound allows.
  std::string many = "{\"prompt\":[";
  for (size_t i = 0; i < kJsonValuesMax; ++i) many += "1,";
  EXPECT_THAT(fault(parse_completion_request(many + "1]}")), HasSubstr("values"));
  // Brackets inside of strings are no nesting.
  EXPECT_EQ(fault(parse_completion_request("{\"prompt\":\"" + std::string(100, '[') + "\\\"[\"}")),
            "");
}

TEST(ApiRequest, ShowsNoMoreOfAValueThanAMessageHolds) {
  const auto parsed =
      parse_completion_request("{\"prompt\":\"a\",\"n\":\"" + std::string(5000, 'x') + "\"}");
  EXPECT_LT(fault(parsed).size(), 200u);
  const auto named =
      parse_completion_request("{\"prompt\":\"a\",\"" + std::string(5000, 'x') + "\":1}");
  EXPECT_LT(fault(named).size(), 300u);
}

}  // namespace
}  // namespace server
