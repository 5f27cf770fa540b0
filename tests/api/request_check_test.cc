// SPDX-License-Identifier: Apache-2.0
#include "api/request_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/small_spec.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kContext = 100;

// Letters "a" to "z", and bytes.
const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    std::vector<test::SmallToken> letters;
    for (char c = 'a'; c <= 'z'; ++c) letters.push_back({std::string(1, c)});
    TokenizerSpec spec = test::small_spec(TokenizerModel::kUnigram, letters);
    test::add_byte_tokens(spec);
    return make_tokenizer(std::move(spec)).value();
  }();
  return made;
}

RequestLimits limits(bool text = true) {
  return {.tokenizer = text ? &tokenizer() : nullptr,
          .vocabulary = 282,
          .context = kContext,
          .choices_max = 1000,
          .stream_tokens = 16,
          .model_ends = {3}};
}

Result<std::unique_ptr<engine::Work>> prepare(Request request, bool text = true) {
  return prepare_request(std::move(request), limits(text), 7, Instant(std::chrono::seconds(5)));
}

Request good() { return {.prompt = "abc"}; }

TEST(RequestCheck, MakesWorkOfAGoodRequest) {
  Request request = good();
  request.choices = 3;
  request.stop = {"xy"};
  request.stop_tokens = {9, 1};
  request.tokens_max = 1'000'000;
  request.deadline = Millis(250);
  const auto work = prepare(request).value();
  EXPECT_EQ(work->prompt, (std::vector<TokenId>{0, 1, 2}));
  EXPECT_EQ(work->samplers.size(), 3u);
  EXPECT_EQ(work->stop_texts.size(), 3u);
  EXPECT_EQ(work->ends, (std::vector<TokenId>{1, 3, 9}));
  EXPECT_EQ(work->request.tokens_max, kContext - 3);
  EXPECT_EQ(work->deadline, Instant(std::chrono::milliseconds(5250)));
  EXPECT_EQ(work->stream->choices(), 3u);
}

TEST(RequestCheck, TheLongestDeadlineIsNone) {
  Request request = good();
  request.deadline = Millis::max();
  EXPECT_EQ(prepare(request).value()->deadline, Instant::max());
}

TEST(RequestCheck, NamesTheFieldThatIsWrong) {
  const auto bad = [](const std::function<void(Request&)>& spoil, const std::string& message) {
    Request request = good();
    spoil(request);
    const Status status = prepare(std::move(request)).status();
    EXPECT_EQ(status.code(), Code::kInvalid) << message;
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  bad([](Request& r) { r.prompt = ""; }, "bytes of the prompt");
  bad([](Request& r) { r.prompt = std::string(kContext, 'a'); }, "fewer than 100");
  bad([](Request& r) { r.prompt = std::string(kPromptBytesMax + 1, 'a'); }, "bytes of the prompt");
  bad([](Request& r) { r.prompt = std::vector<TokenId>{}; }, "at least one token");
  bad([](Request& r) { r.prompt = std::vector<TokenId>{282}; }, "found 282");
  bad([](Request& r) { r.prompt = std::vector<TokenId>{INT32_MIN}; }, "prompt");
  bad([](Request& r) { r.prompt = std::vector<Message>{}; }, "expected a message");
  bad([](Request& r) { r.prompt = std::vector<Message>{{.role = "user", .content = "a"}}; },
      "template");
  bad([](Request& r) { r.prompt = std::vector<Message>{{.tool_calls = "{"}}; }, "tool_calls");
  bad([](Request& r) { r.prompt = std::vector<Message>(kMessagesMax + 1); }, "messages");
  bad([](Request& r) { r.choices = 1'000'000; }, "choices");
  bad([](Request& r) { r.choices = 0; }, "choices");
  bad([](Request& r) { r.tokens_max = 0; }, "tokens_max");
  bad([](Request& r) { r.tokens_min = r.tokens_max + 1; }, "tokens_min");
  bad([](Request& r) { r.logprobs_top = 65; }, "logprobs_top");
  bad([](Request& r) { r.stop = {std::string(1 << 20, 'x')}; }, "stop string");
  bad([](Request& r) { r.stop = {""}; }, "stop string");
  bad([](Request& r) { r.stop.assign(kStopStringsMax + 1, "x"); }, "stop");
  bad([](Request& r) { r.stop_tokens.assign(kStopTokensMax + 1, 1); }, "stop_tokens");
  bad([](Request& r) { r.stop_tokens = {-5}; }, "stop_tokens");
  bad([](Request& r) { r.tenant.assign(kTenantBytesMax + 1, 't'); }, "tenant");
  bad([](Request& r) { r.deadline = Millis(-1); }, "deadline");
  bad([](Request& r) { r.tokens_hint = std::nan(""); }, "tokens_hint");
  bad([](Request& r) { r.tokens_hint = -1; }, "tokens_hint");
  bad([](Request& r) { r.tokens_hint = std::numeric_limits<double>::infinity(); }, "tokens_hint");
  bad([](Request& r) { r.sampling.banned = {282}; }, "banned");
  bad([](Request& r) { r.sampling.bias.assign(5000, {1, 1}); }, "bias");
  bad([](Request& r) { r.sampling.bias = {{1, std::nanf("")}}; }, "bias");
  bad([](Request& r) { r.sampling.dry.breakers = {""}; }, "breakers");
}

TEST(RequestCheck, EveryNumberOfSamplingIsChecked) {
  float Sampling::*const plain[] = {&Sampling::temperature,
                                    &Sampling::top_p,
                                    &Sampling::min_p,
                                    &Sampling::typical_p,
                                    &Sampling::repetition_penalty,
                                    &Sampling::presence_penalty,
                                    &Sampling::frequency_penalty};
  const float worst[] = {std::nanf(""), std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity()};
  for (const float value : worst) {
    for (float Sampling::*const field : plain) {
      Request request = good();
      request.sampling.*field = value;
      EXPECT_EQ(prepare(std::move(request)).status().code(), Code::kInvalid) << value;
    }
    using Spoil = std::function<void(Sampling&)>;
    const Spoil nested[] = {[&](Sampling& s) { s.dry.multiplier = value; },
                            [&](Sampling& s) { s.dry.base = value; },
                            [&](Sampling& s) { s.xtc.probability = value; },
                            [&](Sampling& s) { s.xtc.threshold = value; },
                            [&](Sampling& s) { s.mirostat.tau = value; },
                            [&](Sampling& s) { s.mirostat.eta = value; }};
    for (const auto& spoil : nested) {
      Request request = good();
      spoil(request.sampling);
      EXPECT_EQ(prepare(std::move(request)).status().code(), Code::kInvalid) << value;
    }
  }
}

TEST(RequestCheck, TextWantsATokenizer) {
  EXPECT_THAT(prepare(good(), false).status().message(), HasSubstr("token ids"));
  EXPECT_TRUE(prepare({.prompt = std::vector<TokenId>{1}}, false).ok());
}

TEST(RequestCheck, ConstraintsAreNotSupportedYet) {
  EXPECT_EQ(prepare({.prompt = "a", .constraint = {.regex = "a"}}).status().code(),
            Code::kUnsupported);
}

// Any bits in any number: an answer or an error, and what is accepted can be computed.
TEST(RequestCheck, SurvivesRandomNumbers) {
  Rng rng(test::seed("random requests"));
  const float floats[] = {0, 1, -1, 0.5f, 1e30f, -1e30f, std::nanf(""), 1e-30f};
  const uint32_t counts[] = {0, 1, 2, 64, 100, 1'000'000, UINT32_MAX};
  const auto number = [&] { return floats[rng.below(std::size(floats))]; };
  const auto count = [&] { return counts[rng.below(std::size(counts))]; };
  int accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    Request r = good();
    for (uint64_t changes = 1 + rng.below(3); changes > 0; --changes) {
      switch (rng.below(12)) {
        case 0:
          r.sampling.temperature = number();
          break;
        case 1:
          r.sampling.top_p = number();
          break;
        case 2:
          r.sampling.typical_p = number();
          break;
        case 3:
          r.sampling.mirostat.tau = number();
          break;
        case 4:
          r.sampling.repetition_penalty = number();
          break;
        case 5:
          r.tokens_max = count();
          break;
        case 6:
          r.tokens_min = count();
          break;
        case 7:
          r.choices = count();
          break;
        case 8:
          r.logprobs_top = count();
          break;
        case 9:
          r.tokens_hint = double(number());
          break;
        case 10:
          r.deadline = Millis(int64_t(rng.u64()));
          break;
        default:
          r.stop_tokens = {TokenId(rng.u32())};
          break;
      }
    }
    const auto work = prepare(std::move(r));
    if (!work.ok()) {
      EXPECT_EQ(work.status().code(), Code::kInvalid);
      EXPECT_FALSE(work.status().message().empty());
      continue;
    }
    ++accepted;
    EXPECT_LE((*work)->prompt.size() + (*work)->request.tokens_max, kContext);
    EXPECT_LE((*work)->samplers.size(), kChoicesMax);
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace llmos
