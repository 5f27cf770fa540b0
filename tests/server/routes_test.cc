// SPDX-License-Identifier: Apache-2.0
#include "server/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace server {
namespace {

Call call(std::string_view method, std::string_view target) {
  const auto route = find_route(method, target);
  return std::holds_alternative<Route>(route) ? std::get<Route>(route).call : Call::kNone;
}

int refusal(std::string_view method, std::string_view target) {
  const auto route = find_route(method, target);
  return std::holds_alternative<ApiError>(route) ? std::get<ApiError>(route).http_status : 0;
}

TEST(Routes, LeadToTheirCalls) {
  EXPECT_EQ(call("GET", "/"), Call::kPage);
  EXPECT_EQ(call("HEAD", "/health"), Call::kReady);
  EXPECT_EQ(call("GET", "/health/live?x=1"), Call::kLive);
  EXPECT_EQ(call("POST", "/v1/chat/completions"), Call::kChat);
  EXPECT_EQ(call("POST", "/v1/completions"), Call::kCompletion);
  EXPECT_EQ(call("POST", "/v1/embeddings"), Call::kEmbeddings);
  EXPECT_EQ(call("POST", "/tokenize"), Call::kTokenize);
  EXPECT_EQ(call("GET", "/v1/models"), Call::kModels);
  const auto model = find_route("GET", "/v1/models/tale");
  EXPECT_EQ(std::get<Route>(model).argument, "tale");
}

TEST(Routes, RefuseOthers) {
  EXPECT_EQ(refusal("GET", "/nothing"), 404);
  EXPECT_EQ(refusal("GET", ""), 404);
  EXPECT_EQ(refusal("GET", "/v1/models/"), 404);
  EXPECT_EQ(refusal("GET", "/../etc/passwd"), 404);
  EXPECT_EQ(refusal("GET", "/v1/completions"), 405);
  EXPECT_EQ(refusal("POST", "/v1/models"), 405);
  EXPECT_EQ(std::get<ApiError>(find_route("PUT", "/tokenize")).param, "POST");
}

TEST(Routes, TellWhoMayCall) {
  EXPECT_EQ(access_of(Call::kReady), Access::kAnybody);
  EXPECT_EQ(access_of(Call::kChat), Access::kKey);
  EXPECT_EQ(access_of(Call::kStats), Access::kOperator);
  std::set<std::string> names;
  for (size_t i = 0; i < kCalls; ++i) names.insert(call_name(Call(i)));
  EXPECT_EQ(names.size(), kCalls);
}

}  // namespace
}  // namespace server
