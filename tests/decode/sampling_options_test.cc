// SPDX-License-Identifier: Apache-2.0
#include "decode/sampling_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace llmos {
namespace {

constexpr uint32_t kVocabulary = 100;

void expect_refused(const Sampling& sampling, const char* field) {
  const Status status = check_sampling(sampling, kVocabulary);
  EXPECT_EQ(status.code(), Code::kInvalid) << field;
  EXPECT_THAT(status.message(), testing::HasSubstr(std::string("sampling.") + field));
}

TEST(SamplingOptions, RefusesWhatHasNoMeaning) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity, -1.0f}) {
    expect_refused({.temperature = bad}, "temperature");
    expect_refused({.top_p = bad}, "top_p");
    expect_refused({.min_p = bad}, "min_p");
    expect_refused({.typical_p = bad}, "typical_p");
    expect_refused({.repetition_penalty = bad}, "repetition_penalty");
    expect_refused({.dry = {.multiplier = bad}}, "dry.multiplier");
    expect_refused({.dry = {.base = bad}}, "dry.base");
    expect_refused({.xtc = {.probability = bad}}, "xtc.probability");
    expect_refused({.xtc = {.threshold = bad}}, "xtc.threshold");
    expect_refused({.mirostat = {.tau = bad}}, "mirostat.tau");
    expect_refused({.mirostat = {.eta = bad}}, "mirostat.eta");
  }
  expect_refused({.presence_penalty = nan}, "presence_penalty");
  expect_refused({.frequency_penalty = infinity}, "frequency_penalty");
  expect_refused({.top_p = 1.5f}, "top_p");
  expect_refused({.bias = {{3, nan}}}, "bias");
}

TEST(SamplingOptions, RefusesIdsOutsideTheVocabulary) {
  for (const TokenId id : {-1, int(kVocabulary)}) {
    expect_refused({.bias = {{id, 1}}}, "bias");
    expect_refused({.banned = {id}}, "banned");
  }
  EXPECT_TRUE(check_sampling({.bias = {{99, 1}}, .banned = {0}}, kVocabulary).ok());
}

TEST(SamplingOptions, RefusesLongLists) {
  expect_refused({.bias = std::vector<TokenBias>(kBiasesMax + 1)}, "bias");
  expect_refused({.banned = std::vector<TokenId>(kBiasesMax + 1)}, "banned");
  expect_refused({.dry = {.breakers = {""}}}, "dry.breakers");
  expect_refused({.dry = {.breakers = {std::string(kBreakerBytesMax + 1, 'x')}}}, "dry.breakers");
}

TEST(SamplingOptions, TakesTheEdges) {
  EXPECT_TRUE(check_sampling({}, kVocabulary).ok());
  EXPECT_TRUE(check_sampling({.temperature = 0, .top_p = 0, .min_p = 1}, kVocabulary).ok());
}

}  // namespace
}  // namespace llmos
