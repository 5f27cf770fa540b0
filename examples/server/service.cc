// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <utility>

#include "page.h"

namespace server {
namespace {

constexpr uint32_t kDrainRetrySeconds = 5;

ApiError make_error(int status, std::string message, std::string code = {}) {
  ApiError error;
  error.http_status = status;
  error.message = std::move(message);
  error.code = std::move(code);
  return error;
}

Response text_response(std::string body, const char* type) {
  Response response;
  response.body = std::move(body);
  response.content_type = type;
  return response;
}

void write_model(JsonWriter& json, const std::string& name, int64_t created, uint32_t context) {
  json.open('{').key("id").value(name).key("object").value("model");
  json.key("created").value(created).key("owned_by").value("llmos");
  json.key("max_model_len").value(context).close('}');
}

}  // namespace

OrError<Pass> Service::admit(const HttpRequest& head) const {
  OrError<Route> found = find_route(head.method, head.target);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  Pass pass{std::get<Route>(std::move(found)), nullptr};
  if (!is_same_origin(head.origin, head.host)) {
    return make_error(403, "the request comes from the page of another site (Origin)");
  }
  if (head.method == "POST" && !is_json_type(head.content_type)) {
    return make_error(415, "expected the Content-Type application/json");
  }
  const Access access = access_of(pass.route.call);
  if (!keys_.needs_key()) {
    pass.tenant = keys_.anybody();
    return pass;
  }
  if (access == Access::kAnybody) return pass;
  pass.tenant = keys_.find(bearer_key(head.authorization));
  if (!pass.tenant) {
    return make_error(401, "expected a valid key in the header \"Authorization: Bearer KEY\"",
                      "invalid_api_key");
  }
  if (access == Access::kOperator && !pass.tenant->limits().is_operator) {
    return make_error(403, "this call tells of all tenants: it needs an operator's key");
  }
  return pass;
}

Answer Service::answer(const HttpRequest& request, const Pass& pass, llmos::Readiness& bell) {
  switch (pass.route.call) {
    case Call::kPage:
      return text_response(std::string(page()), "text/html; charset=utf-8");
    case Call::kLive:
      return json_response("{\"status\":\"live\"}");
    case Call::kReady:
      return ready();
    case Call::kMetrics:
      return text_response(engine_.metrics_text() + meters_.prometheus_text(),
                           "text/plain; version=0.0.4");
    case Call::kStats:
      return stats();
    case Call::kModels:
      return models();
    case Call::kModel:
      return model(pass.route.argument);
    case Call::kTokenize:
      return tokenize(request.body);
    case Call::kChat:
      return generate(parse_chat_request(request.body), pass, bell);
    case Call::kCompletion:
      return generate(parse_completion_request(request.body), pass, bell);
    case Call::kEmbeddings:
      return embeddings(parse_embeddings_request(request.body), pass);
    case Call::kNone:
      break;
  }
  return error_response(make_error(500, "no such call"));
}

void Service::sample(Clock::time_point now) {
  if (throughput_.due(now)) throughput_.sample(engine_.metrics(), now);
}

Response Service::ready() const {
  if (!draining()) return json_response("{\"status\":\"ready\"}");
  Response response = json_response("{\"status\":\"draining\"}");
  response.status = 503;
  response.retry_after_s = kDrainRetrySeconds;
  return response;
}

Response Service::stats() const {
  StatsView view;
  view.model = options_.model_name;
  view.ready = !draining();
  view.uptime_s = std::chrono::duration<double>(Clock::now() - started_).count();
  view.connections = meters_.connections.load();
  view.throughput = throughput_.view();
  // Not longer than a picture is worth: behind a long step the one asked for then comes next time.
  constexpr llmos::Millis kMapWait(5);
  if (auto map = engine_.kv_map(kMapWait); map.ok()) view.kv_map = *std::move(map);
  view.metrics = engine_.metrics();
  return json_response(stats_json(view));
}

Response Service::models() const {
  JsonWriter json;
  json.open('{').key("object").value("list").key("data").open('[');
  write_model(json, options_.model_name, created_, engine_.model().context);
  return json_response(json.close(']').close('}').take());
}

Response Service::model(const std::string& id) const {
  if (id != options_.model_name) return error_response(std::get<ApiError>(check_model(id)));
  JsonWriter json;
  write_model(json, options_.model_name, created_, engine_.model().context);
  return json_response(json.take());
}

OrError<std::monostate> Service::check_model(const std::string& model) const {
  if (model.empty() || model == options_.model_name) return std::monostate();
  ApiError error = make_error(
      404,
      "model: expected \"" + options_.model_name + "\", the one this server has (GET /v1/models)",
      "model_not_found");
  error.param = "model";
  return error;
}

OrError<std::monostate> Service::check_work(const std::string& model) const {
  if (draining()) {
    ApiError error = make_error(503, "the server is shutting down; ask another", "draining");
    error.retry_after_s = kDrainRetrySeconds;
    return error;
  }
  if (!engine_.has_tokenizer()) return make_error(400, "the model has no tokenizer");
  return check_model(model);
}

Answer Service::generate(OrError<GenerateRequest> parsed, const Pass& pass,
                         llmos::Readiness& bell) {
  if (auto* error = std::get_if<ApiError>(&parsed)) return error_response(*error);
  auto& request = std::get<GenerateRequest>(parsed);
  const auto checked = check_work(request.model);
  if (const auto* error = std::get_if<ApiError>(&checked)) return error_response(*error);
  const auto entered = pass.tenant->enter(Clock::now());
  if (const auto* error = std::get_if<ApiError>(&entered)) return error_response(*error);
  GenerationContext context;
  context.model = options_.model_name;
  context.deadline = options_.deadline;
  context.bell = &bell;
  auto started = Generation::start(engine_, std::move(request), Admission(pass.tenant), context);
  if (const auto* error = std::get_if<ApiError>(&started)) return error_response(*error);
  return std::get<std::unique_ptr<Generation>>(std::move(started));
}

Answer Service::embeddings(OrError<EmbeddingsRequest> parsed, const Pass& pass) {
  if (auto* error = std::get_if<ApiError>(&parsed)) return error_response(*error);
  auto& request = std::get<EmbeddingsRequest>(parsed);
  const auto checked = check_work(request.model);
  if (const auto* error = std::get_if<ApiError>(&checked)) return error_response(*error);
  const auto entered = pass.tenant->enter(Clock::now());
  if (const auto* error = std::get_if<ApiError>(&entered)) return error_response(*error);
  auto task = std::make_shared<EmbedTask>();
  task->request = std::move(request);
  task->admission = Admission(pass.tenant);
  task->model = options_.model_name;
  task->deadline = options_.deadline;
  return task;
}

Response Service::tokenize(const std::string& body) const {
  const auto parsed = parse_tokenize_request(body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return error_response(*error);
  const auto& request = std::get<TokenizeRequest>(parsed);
  const auto checked = check_model(request.model);
  if (const auto* error = std::get_if<ApiError>(&checked)) return error_response(*error);
  if (!engine_.has_tokenizer())
    return error_response(make_error(400, "the model has no tokenizer"));
  const llmos::Tokenizer& tokenizer = engine_.tokenizer();
  const auto ids = tokenizer.encode(request.text, {.add_special = request.add_special});
  JsonWriter json;
  json.open('{').key("count").value(ids.size());
  json.key("max_model_len").value(engine_.model().context).key("tokens").open('[');
  for (const llmos::TokenId id : ids) json.value(id);
  json.close(']').key("token_strs");
  if (request.pieces) {
    json.open('[');
    for (const llmos::TokenId id : ids) json.value(tokenizer.token(id));
    json.close(']');
  } else {
    json.null();
  }
  return json_response(json.close('}').take());
}

}  // namespace server
