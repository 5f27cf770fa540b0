// SPDX-License-Identifier: Apache-2.0
#include "support/sched_workload.h"

#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

#include "base/json.h"
#include "base/rng.h"
#include "base/rng_distributions.h"

namespace llmos::test {
namespace {

constexpr size_t kQuantiles = 65;  // of 0/64 to 64/64
using Quantiles = std::array<uint32_t, kQuantiles>;

constexpr Quantiles kConvPrompts = {
    2,    64,   165,  181,  194,  200,  206,  212,  235,  321,  374,  378,  383,
    388,  391,  394,  396,  398,  401,  403,  405,  408,  412,  419,  428,  459,
    818,  910,  966,  986,  1001, 1011, 1020, 1028, 1037, 1044, 1052, 1059, 1067,
    1075, 1083, 1092, 1100, 1110, 1120, 1133, 1147, 1164, 1189, 1233, 1312, 1315,
    1335, 1479, 1766, 2019, 2309, 2584, 3018, 4074, 4079, 4084, 4089, 4107, 14050};
constexpr Quantiles kConvOutputs = {
    7,   18,  33,  40,  45,  49,  53,  56,  60,  64,  68,  72,  75,  78,  81,  83,  85,
    87,  89,  90,  92,  94,  95,  97,  99,  101, 104, 107, 110, 114, 118, 123, 129, 135,
    141, 149, 157, 163, 171, 181, 195, 217, 223, 373, 377, 385, 389, 393, 395, 396, 397,
    399, 402, 407, 411, 414, 416, 420, 427, 429, 440, 456, 502, 568, 1000};
constexpr Quantiles kCodePrompts = {
    3,    26,   51,   71,   90,   106,  137,  161,  185,  209,  246,  291,  348,
    392,  462,  518,  578,  629,  700,  762,  825,  875,  915,  967,  1016, 1050,
    1093, 1139, 1196, 1269, 1342, 1391, 1469, 1538, 1605, 1673, 1734, 1813, 1885,
    1960, 2048, 2129, 2195, 2294, 2371, 2444, 2539, 2644, 2745, 2850, 2982, 3154,
    3330, 3569, 3775, 4102, 4434, 4769, 5510, 6040, 6499, 7408, 7435, 7436, 7437};
constexpr Quantiles kCodeOutputs = {
    6,  6,  6,  6,  6,  6,  7,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,  9,   9,   10,  10,
    10, 10, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 14, 14, 15, 15, 15, 16, 16,  17,  18,  19,
    19, 20, 21, 22, 24, 25, 27, 29, 31, 34, 37, 42, 46, 52, 58, 66, 77, 94, 126, 196, 1899};
constexpr Quantiles kMooncakePrompts = {
    13,    17,    20,    22,    24,    27,    30,    32,    36,    41,    48,    59,    73,
    92,    118,   170,   277,   365,   571,   826,   1186,  2396,  2730,  2935,  3379,  3924,
    4429,  5134,  5721,  6676,  8082,  10479, 11587, 13486, 14076, 14624, 15122, 15686, 16100,
    16525, 17053, 17370, 17743, 18265, 18768, 19466, 20418, 22217, 23175, 24296, 26224, 28014,
    30215, 31505, 33438, 35710, 36870, 38049, 39125, 40719, 43628, 49700, 54659, 61415, 191378};
constexpr Quantiles kMooncakeOutputs = {
    1,   2,   2,   2,   3,   3,   3,   4,   4,   5,   6,   7,   7,   8,   9,   9,   11,
    12,  13,  15,  17,  19,  21,  23,  27,  30,  34,  38,  44,  50,  55,  63,  69,  77,
    82,  90,  100, 109, 121, 131, 146, 160, 175, 189, 202, 213, 226, 238, 250, 261, 274,
    287, 300, 312, 327, 342, 358, 377, 401, 437, 476, 528, 602, 725, 893};

struct Log {
  double mu, sigma;
};

Log log_normal_of(double mean, double cv) {
  const double sigma = std::sqrt(std::log1p(cv * cv));
  return {std::log(mean) - sigma * sigma / 2, sigma};
}

uint32_t draw(Rng& rng, const Log& log) {
  const double length = std::exp(log.mu + log.sigma * normal(rng));
  return uint32_t(std::max(1.0, std::round(std::min(length, 1e6))));
}

// Between two quantiles lengths are spread evenly in their logarithm.
uint32_t draw(Rng& rng, const Quantiles& quantiles) {
  const double at = rng.uniform() * (kQuantiles - 1);
  const auto i = size_t(at);
  const double low = std::log(quantiles[i]), high = std::log(quantiles[i + 1]);
  return uint32_t(std::lround(std::exp(low + (at - double(i)) * (high - low))));
}

uint32_t draw_pareto(Rng& rng) {
  constexpr double kShape = 1.1, kLow = 8, kHigh = 4096;
  const double ratio = std::pow(kLow / kHigh, kShape);
  const double length = kLow / std::pow(1 - rng.uniform() * (1 - ratio), 1 / kShape);
  return uint32_t(std::lround(std::min(length, kHigh)));
}

struct Lengths {
  uint32_t prompt, output;
};

// Of a generator; {0, 0} for a name that is none.
Lengths draw(Rng& rng, std::string_view name) {
  static const Log share_in = log_normal_of(161.31, 1.3), share_out = log_normal_of(337.99, 1.0);
  static const Log alpaca_in = log_normal_of(19.31, .8), alpaca_out = log_normal_of(58.45, 1.2);
  static const Log heavy_in = log_normal_of(200, 1.5);
  for (;;) {
    Lengths l{};
    if (name == "sharegpt") {
      l = {draw(rng, share_in), draw(rng, share_out)};
      if (l.prompt > 1024 || l.prompt + l.output > 2048) continue;
    } else if (name == "alpaca") {
      l = {draw(rng, alpaca_in), draw(rng, alpaca_out)};
      if (l.prompt > 1024 || l.output > 1900) continue;
    } else if (name == "heavy") {
      l = {draw(rng, heavy_in), draw_pareto(rng)};
      if (l.prompt > 2048) continue;
    } else if (name == "azure-conv") {
      l = {draw(rng, kConvPrompts), draw(rng, kConvOutputs)};
    } else if (name == "azure-code") {
      l = {draw(rng, kCodePrompts), draw(rng, kCodeOutputs)};
    } else if (name == "mooncake") {
      l = {draw(rng, kMooncakePrompts), draw(rng, kMooncakeOutputs)};
    }
    return l;
  }
}

std::vector<SimRequest> read_csv(std::istream& in) {
  std::vector<SimRequest> all;
  std::string line;
  std::getline(in, line);  // the header
  double first = -1;
  while (std::getline(in, line)) {
    int hour = 0, minute = 0;
    double second = 0;
    unsigned prompt = 0, output = 0;
    if (std::sscanf(line.c_str(), "%*s %d:%d:%lf,%u,%u", &hour, &minute, &second, &prompt,
                    &output) != 5) {
      continue;
    }
    const double at = hour * 3600 + minute * 60 + second;
    if (first < 0) first = at;
    all.push_back({at - first, std::max(1u, prompt), std::max(1u, output), 0});
  }
  return all;
}

std::vector<SimRequest> read_jsonl(std::istream& in) {
  std::vector<SimRequest> all;
  std::string line;
  while (std::getline(in, line)) {
    const Result<Json> json = parse_json(line);
    if (!json.ok()) continue;
    const auto number = [&](const char* key) {
      const Json* value = json->find(key);
      return value ? value->if_double().value_or(0) : 0;
    };
    all.push_back({number("timestamp") / 1000, uint32_t(std::max(1.0, number("input_length"))),
                   uint32_t(std::max(1.0, number("output_length"))), 0});
  }
  return all;
}

Result<std::vector<SimRequest>> read_file(const WorkloadOptions& options, Rng& rng) {
  std::ifstream in(options.name);
  if (!in) {
    return Status(Code::kNotFound,
                  "workload '" + options.name + "' is neither built in nor a file");
  }
  const bool lines = options.name.ends_with(".jsonl");
  std::vector<SimRequest> all = lines ? read_jsonl(in) : read_csv(in);
  std::erase_if(all, [&](const SimRequest& r) {
    return uint64_t{r.prompt_tokens} + r.output_tokens > options.tokens_max;
  });
  if (all.empty()) return Status(Code::kCorrupt, options.name + ": found no request that fits");
  if (!options.own_arrivals) {
    rng.shuffle(all);
    for (SimRequest& request : all) request.arrival = 0;
  }
  if (all.size() > options.requests) all.resize(options.requests);
  return all;
}

}  // namespace

Result<std::vector<SimRequest>> make_workload(const WorkloadOptions& options) {
  Rng lengths(options.seed, 1), clients(options.seed, 2);
  std::vector<SimRequest> all;
  if (draw(lengths, options.name).output == 0) {
    Result<std::vector<SimRequest>> read = read_file(options, lengths);
    if (!read.ok()) return read;
    all = *std::move(read);
  }
  while (all.size() < options.requests && draw(lengths, options.name).output > 0) {
    const Lengths l = draw(lengths, options.name);
    if (l.prompt + l.output > options.tokens_max) continue;
    all.push_back({0, std::max(1u, l.prompt), std::max(1u, l.output), 0});
  }
  for (SimRequest& request : all) request.client = uint32_t(clients.below(options.clients));
  return all;
}

void set_arrivals(std::vector<SimRequest>& requests, double rate, double gap_cv, uint64_t seed) {
  Rng rng(seed, 3);
  const double shape = 1 / (gap_cv * gap_cv);
  double now = 0;
  for (SimRequest& request : requests) {
    now += (gap_cv == 1 ? exponential(rng) : gamma(rng, shape) / shape) / rate;
    request.arrival = now;
  }
}

}  // namespace llmos::test
