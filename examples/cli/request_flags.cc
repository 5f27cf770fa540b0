// SPDX-License-Identifier: Apache-2.0
#include "request_flags.h"

#include <algorithm>

#include "command.h"
#include "terminal.h"

namespace cli {
namespace {

double seconds(llmos::Millis millis) { return double(millis.count()) / 1e3; }
double millis(std::chrono::nanoseconds time) { return double(time.count()) / 1e6; }

}  // namespace

std::vector<Flag> with_request_flags(std::vector<Flag> flags) {
  const Flag common[] = {
      {"--max-tokens", "N", "at most so many tokens (default 256)"},
      {"--temperature", "X", "0: the most probable token; higher: more varied"},
      {"--top-k", "N", "draw from the N most probable tokens (default 0: all)"},
      {"--top-p", "X", "draw from the most probable with this sum (default 1: all)"},
      {"--min-p", "X", "draw from those at least X times as probable as the best"},
      {"--seed", "N", "the same seed gives the same text (default 0)"},
      {"--stop", "T", "end before this text; may be given several times"},
      {"--min-tokens", "N", nullptr},
      {"--typical-p", "X", nullptr},
      {"--repetition-penalty", "X", nullptr},
      {"--presence-penalty", "X", nullptr},
      {"--frequency-penalty", "X", nullptr},
      {"--ranks", "N", nullptr},
  };
  flags.insert(flags.end(), std::begin(common), std::end(common));
  return flags;
}

llmos::Request request_options(const Arguments& arguments, double temperature) {
  // Statement by statement: g++ 12 destroys members that were never made when a designated
  // initialiser throws.
  llmos::Request request;
  llmos::Sampling& sampling = request.sampling;
  sampling.temperature = float(arguments.number("--temperature", temperature));
  sampling.top_k = uint32_t(arguments.natural("--top-k", 0));
  sampling.top_p = float(arguments.number("--top-p", 1));
  sampling.min_p = float(arguments.number("--min-p", 0));
  sampling.typical_p = float(arguments.number("--typical-p", 1));
  sampling.repetition_penalty = float(arguments.number("--repetition-penalty", 1));
  sampling.presence_penalty = float(arguments.number("--presence-penalty", 0));
  sampling.frequency_penalty = float(arguments.number("--frequency-penalty", 0));
  sampling.seed = arguments.natural("--seed", 0, UINT64_MAX);
  request.tokens_max = uint32_t(arguments.natural("--max-tokens", 256));
  request.tokens_min = uint32_t(arguments.natural("--min-tokens", 0));
  request.stop = arguments.all("--stop");
  return request;
}

llmos::Result<llmos::Engine> open_engine(const Arguments& arguments) {
  ProgressBar bar("loading");
  llmos::EngineOptions options;
  options.threads = uint32_t(arguments.natural("--threads", 0));
  options.ranks = uint32_t(arguments.natural("--ranks", 0));
  options.context = uint32_t(arguments.natural("--ctx", 0));
  options.kernels = arguments.text("--kernels");
  options.weights = arguments.text("--weights");
  options.cache.kv_type = arguments.text("--kv-type");
  options.scheduler.step_tokens = uint32_t(arguments.natural("--batch", 0));
  options.progress = &bar;
  return llmos::Engine::open(arguments.required("--model"), options);
}

const char* finish_name(llmos::Finish finish) {
  switch (finish) {
    case llmos::Finish::kStop:
      return "stop";
    case llmos::Finish::kLength:
      return "length";
    case llmos::Finish::kCancelled:
      return "cancelled";
    case llmos::Finish::kFailed:
      break;
  }
  return "failed";
}

// The first token belongs to the prompt's time: the rate is of those behind it.
std::string speed_line(const llmos::Usage& usage) {
  const double decoding = seconds(usage.total - usage.first_token);
  std::string line = formatted(
      "%u tokens of prompt (%u cached), %u of answer, the first after %lld ms", usage.prompt_tokens,
      usage.cached_tokens, usage.output_tokens, static_cast<long long>(usage.first_token.count()));
  if (usage.output_tokens > 1 && decoding > 0) {
    line += formatted(", then %.1f tokens/s", (usage.output_tokens - 1) / decoding);
  }
  return line;
}

std::string engine_lines(const llmos::Metrics& metrics) {
  const uint32_t used = metrics.kv_blocks - metrics.kv_blocks_free;
  std::string text = formatted(
      "steps     %llu, %.2f ms each (p99 %.2f), engine busy %.0f %% of the time\n"
      "memory    %u of %u KV blocks in use, %u of them cached, waste %.1f %%\n"
      "requests  %llu completed, %llu cancelled, %llu failed; %u running, %u waiting, %u parked\n",
      static_cast<unsigned long long>(metrics.steps), millis(metrics.step.mean),
      millis(metrics.step.p99), metrics.utilisation * 100, used, metrics.kv_blocks,
      metrics.kv_blocks_cached, metrics.kv_waste * 100,
      static_cast<unsigned long long>(metrics.completed),
      static_cast<unsigned long long>(metrics.cancelled),
      static_cast<unsigned long long>(metrics.failed), metrics.running, metrics.waiting,
      metrics.parked);
  text += formatted("levels    %llu preemptions; waiting: %u,",
                    static_cast<unsigned long long>(metrics.preemptions), metrics.waiting);
  for (size_t level = 0; level < metrics.waiting_by_level.size(); ++level) {
    const uint32_t depth = metrics.waiting_by_level[level];
    if (depth > 0) text += formatted(" %u in level %zu,", depth, level);
  }
  text.back() = '\n';
  return text;
}

}  // namespace cli
