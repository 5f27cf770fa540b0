// SPDX-License-Identifier: Apache-2.0
#include <llmos/engine.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "command.h"
#include "json_text.h"
#include "request_flags.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Engine;
using llmos::Reply;
using llmos::Result;
using llmos::Status;
using llmos::TokenId;
using Clock = std::chrono::steady_clock;

const Usage& usage() {
  static const Usage usage{
      "llmos bench --model PATH [--preset infer|serve] [flags]",
      "Measures a model on this machine: one request and batches (infer), or clients that each\n"
      "send the next request when the last one has ended (serve).",
      with_model_flags({
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--preset", "P", "infer (default) or serve"},
          {"--prompt-tokens", "N", "tokens of each prompt (default 128); serve: on average"},
          {"--gen-tokens", "N", "tokens of each answer (default 64); serve: on average"},
          {"--repeat", "N", "infer: the median of so many runs (default 3)"},
          {"--clients", "N", "serve: clients at once (default 8)"},
          {"--seconds", "X", "serve: for how long (default 10)"},
          {"--peers", "FILE", "figures of others, as --json writes them, with a \"name\" each"},
          {"--json", nullptr, "write {\"results\": [...]}"},
      }),
      {},
      "llmos bench --model model.gguf --gen-tokens 128"};
  return usage;
}

// A line of the table; a latency is 0 where the row has none.
struct Row {
  std::string phase;
  uint32_t batch = 1;
  double tokens_per_s = 0;
  double ttft_p50_ms = 0;
  double ttft_p99_ms = 0;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, size_t(q * double(values.size())))];
}

// Random tokens that no other request has: nothing comes from a cache.
class Load {
 public:
  Load(uint32_t vocabulary, uint64_t seed) : vocabulary_(vocabulary), random_(seed) {}

  llmos::Request request(uint32_t prompt_tokens, uint32_t answer_tokens) {
    std::uniform_int_distribution<TokenId> id(0, TokenId(vocabulary_ - 1));
    std::vector<TokenId> prompt(prompt_tokens);
    for (TokenId& token : prompt) token = id(random_);
    llmos::Request request;
    request.prompt = std::move(prompt);
    request.sampling.temperature = 0;
    request.tokens_max = answer_tokens;
    request.ignore_end = true;
    return request;
  }
  // Exponential lengths, as those of conversations roughly are; at most 4 means.
  uint32_t length(uint32_t mean) {
    std::exponential_distribution<double> drawn(1.0 / mean);
    return uint32_t(std::clamp(drawn(random_), 1.0, 4.0 * mean));
  }

 private:
  const uint32_t vocabulary_;
  std::mt19937_64 random_;
};

struct Shape {
  uint32_t prompt = 0;
  uint32_t answer = 0;
};

// `batch` requests at once: the first tokens tell the prefill's speed, the others the decode's.
Result<std::pair<Row, Row>> measure_batch(Engine& engine, Load& load, Shape shape, uint32_t batch) {
  std::vector<llmos::Stream> streams;
  const Clock::time_point begin = Clock::now();
  for (uint32_t i = 0; i < batch; ++i) {
    Result<llmos::Stream> stream = engine.submit(load.request(shape.prompt, shape.answer));
    if (!stream.ok()) return stream.status();
    streams.push_back(*std::move(stream));
  }
  for (llmos::Stream& stream : streams) stream.next();
  const double prefill = seconds_since(begin);
  std::vector<double> first;
  for (llmos::Stream& stream : streams) {
    const Result<Reply> reply = stream.wait();
    if (!reply.ok()) return reply.status();
    first.push_back(double(reply->usage.first_token.count()));
  }
  const double decode = seconds_since(begin) - prefill;
  Row prompt{"prefill", batch, batch * shape.prompt / prefill, quantile(first, 0.5),
             quantile(first, 0.99)};
  Row answer{"decode", batch, batch * (shape.answer - 1) / std::max(decode, 1e-9)};
  return std::pair(std::move(prompt), std::move(answer));
}

Row median_row(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.tokens_per_s < b.tokens_per_s; });
  return rows[rows.size() / 2];
}

Result<std::vector<Row>> infer(Engine& engine, const Arguments& arguments, Shape shape) {
  const uint32_t repeat = uint32_t(std::max<uint64_t>(arguments.natural("--repeat", 3), 1));
  Load load(engine.model().vocabulary, 1);
  std::vector<Row> rows;
  for (const uint32_t batch : {1u, 4u, 16u}) {
    std::vector<Row> prompts, answers;
    for (uint32_t run = 0; run < repeat; ++run) {
      Result<std::pair<Row, Row>> measured = measure_batch(engine, load, shape, batch);
      if (!measured.ok()) return measured.status();
      prompts.push_back(std::move(measured->first));
      answers.push_back(std::move(measured->second));
    }
    rows.push_back(median_row(prompts));
    rows.push_back(median_row(answers));
  }
  return rows;
}

// What all clients saw.
struct Served {
  std::mutex mutex;
  std::vector<double> first_ms;
  uint64_t tokens = 0;
  Status failure;
};

void run_client(Engine& engine, Load load, Shape shape, Clock::time_point end, Served& served) {
  while (Clock::now() < end) {
    const Result<Reply> reply =
        engine.generate(load.request(load.length(shape.prompt), load.length(shape.answer)));
    const std::lock_guard lock(served.mutex);
    if (!reply.ok()) {
      served.failure = reply.status();
      return;
    }
    served.first_ms.push_back(double(reply->usage.first_token.count()));
    served.tokens += reply->usage.output_tokens;
  }
}

Result<std::vector<Row>> serve(Engine& engine, const Arguments& arguments, Shape shape) {
  const uint32_t clients = uint32_t(std::max<uint64_t>(arguments.natural("--clients", 8), 1));
  const double seconds = arguments.number("--seconds", 10);
  const Clock::time_point begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  Served served;
  {
    std::vector<std::jthread> threads;
    for (uint32_t client = 0; client < clients; ++client) {
      threads.emplace_back([&, client] {
        run_client(engine, Load(engine.model().vocabulary, client), shape, end, served);
      });
    }
  }
  if (!served.failure.ok()) return served.failure;
  return std::vector<Row>{{"serve", clients, double(served.tokens) / seconds_since(begin),
                           quantile(served.first_ms, 0.5), quantile(served.first_ms, 0.99)}};
}

// A peer's rows: the same fields, and whose they are.
Result<nlohmann::json> read_peers(const Arguments& arguments) {
  if (!arguments.has("--peers")) return nlohmann::json::array();
  const Result<std::string> text = read_file(arguments.text("--peers"));
  if (!text.ok()) return text.status();
  const nlohmann::json file = nlohmann::json::parse(*text, nullptr, false);
  if (file.is_object() && file.contains("results") && file["results"].is_array()) {
    return file["results"];
  }
  return Status(llmos::Code::kInvalid, "--peers: expected {\"results\": [...]}");
}

// "  other 41.2 (x1.31)" for each peer that has this row.
std::string peers_text(const nlohmann::json& peers, const Row& row) {
  std::string text;
  for (const nlohmann::json& peer : peers) {
    if (!peer.is_object() || peer.value("phase", "") != row.phase ||
        peer.value("batch", 0u) != row.batch) {
      continue;
    }
    const double theirs = peer.value("tokens_per_s", 0.0);
    text += formatted("  %.40s %.1f (x%.2f)", peer.value("name", std::string("peer")).c_str(),
                      theirs, theirs > 0 ? row.tokens_per_s / theirs : 0.0);
  }
  return text;
}

std::string table(const std::vector<Row>& rows, const nlohmann::json& peers) {
  std::string text = "phase    batch     tokens/s   ttft p50 ms   ttft p99 ms\n";
  for (const Row& row : rows) {
    text += formatted("%-8s %5u %12.1f", row.phase.c_str(), row.batch, row.tokens_per_s);
    if (row.ttft_p99_ms > 0) {
      text += formatted(" %13.0f %13.0f", row.ttft_p50_ms, row.ttft_p99_ms);
    }
    text += peers_text(peers, row) + '\n';
  }
  return text;
}

std::string rows_json(const std::vector<Row>& rows) {
  JsonText json;
  json.open('{').key("results").open('[');
  for (const Row& row : rows) {
    json.open('{').key("phase").value(row.phase).key("batch").value(row.batch);
    json.key("tokens_per_s").value(row.tokens_per_s);
    json.key("ttft_p50_ms").value(row.ttft_p50_ms).key("ttft_p99_ms").value(row.ttft_p99_ms);
    json.close('}');
  }
  return json.close(']').close('}').str() + '\n';
}

Status run(const Arguments& arguments) {
  const std::string preset = arguments.text("--preset", "infer");
  if (preset != "infer" && preset != "serve") {
    throw UsageError{"--preset: expected infer or serve, found \"" + preset + "\""};
  }
  const Shape shape{uint32_t(std::max<uint64_t>(arguments.natural("--prompt-tokens", 128), 1)),
                    uint32_t(std::max<uint64_t>(arguments.natural("--gen-tokens", 64), 2))};
  const Result<nlohmann::json> peers = read_peers(arguments);
  if (!peers.ok()) return peers.status();
  Result<Engine> engine = open_engine(arguments);
  if (!engine.ok()) return engine.status();
  Load warm_up(engine->model().vocabulary, 0);
  const Result<Reply> warm = engine->generate(warm_up.request(shape.prompt, 2));
  if (!warm.ok()) return warm.status();
  const Result<std::vector<Row>> rows =
      preset == "infer" ? infer(*engine, arguments, shape) : serve(*engine, arguments, shape);
  if (!rows.ok()) return rows.status();
  return write_stdout(arguments.has("--json") ? rows_json(*rows) : table(*rows, *peers));
}

}  // namespace

const Command kBench{"bench", "measure a model on this machine", usage, run};

}  // namespace cli
