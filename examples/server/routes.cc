// SPDX-License-Identifier: Apache-2.0
#include "routes.h"

#include <algorithm>

namespace server {
namespace {

struct Entry {
  std::string_view path;
  bool posts;
  Call call;
};

constexpr Entry kEntries[] = {
    {"/", false, Call::kPage},
    {"/health", false, Call::kReady},
    {"/health/ready", false, Call::kReady},
    {"/health/live", false, Call::kLive},
    {"/metrics", false, Call::kMetrics},
    {"/stats", false, Call::kStats},
    {"/v1/models", false, Call::kModels},
    {"/v1/chat/completions", true, Call::kChat},
    {"/v1/completions", true, Call::kCompletion},
    {"/v1/embeddings", true, Call::kEmbeddings},
    {"/tokenize", true, Call::kTokenize},
};
constexpr std::string_view kModelPath = "/v1/models/";

bool allows(bool posts, std::string_view method) {
  return posts ? method == "POST" : method == "GET" || method == "HEAD";
}

ApiError not_allowed(std::string_view path, bool posts) {
  ApiError error;
  error.http_status = 405;
  error.param = posts ? "POST" : "GET, HEAD";
  error.message = std::string(path) + ": expected the method " + error.param;
  return error;
}

}  // namespace

const char* call_name(Call call) {
  switch (call) {
    case Call::kPage:
      return "page";
    case Call::kLive:
      return "live";
    case Call::kReady:
      return "ready";
    case Call::kMetrics:
      return "metrics";
    case Call::kStats:
      return "stats";
    case Call::kModels:
      return "models";
    case Call::kModel:
      return "model";
    case Call::kChat:
      return "chat_completions";
    case Call::kCompletion:
      return "completions";
    case Call::kEmbeddings:
      return "embeddings";
    case Call::kTokenize:
      return "tokenize";
    case Call::kNone:
      return "none";
  }
  return "";
}

Access access_of(Call call) {
  switch (call) {
    case Call::kPage:
    case Call::kLive:
    case Call::kReady:
      return Access::kAnybody;
    case Call::kMetrics:
    case Call::kStats:
      return Access::kOperator;
    default:
      return Access::kKey;
  }
}

OrError<Route> find_route(std::string_view method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const auto entry = std::ranges::find(kEntries, path, &Entry::path);
  if (entry != std::end(kEntries)) {
    if (!allows(entry->posts, method)) return not_allowed(path, entry->posts);
    return Route{entry->call, {}};
  }
  if (path.starts_with(kModelPath) && path.size() > kModelPath.size()) {
    if (!allows(false, method)) return not_allowed(kModelPath, false);
    return Route{Call::kModel, std::string(path.substr(kModelPath.size()))};
  }
  ApiError error;
  error.http_status = 404;
  error.code = "unknown_url";
  error.message = "no such path here; README.md of llmos serve lists them";
  return error;
}

}  // namespace server
