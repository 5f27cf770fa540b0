// SPDX-License-Identifier: Apache-2.0
// How much must be held ready for the demand of the next seconds? One row per trace, horizon and
// method: mean reserve over mean demand, with at most 1 % of seconds short.
//
//   demand_bench [TRACE.csv ...] [--first SECOND] [--json FILE]
//
// Without a trace it generates a diurnal one. "hindsight" rows choose their safety factor (or their
// constant) knowing the whole run; "learned" knows only the past. Seconds are counted from --first
// (default 60, once the empty system has filled), and the share short also from the very first.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "predict/forecast.h"
#include "predict/reserve.h"
#include "support/demand_trace.h"
#include "support/reserve_experiment.h"

namespace llmos::test {
namespace {

constexpr double kShareMax = 0.01;
constexpr int kHorizons[] = {1, 5, 15};

struct Arguments {
  std::vector<std::string> traces;
  size_t first = 60;
  std::string json;
};

struct Line {
  std::string trace;
  int horizon;
  std::string method;
  Score counted;
  double short_share_all;
};

class Experiment {
 public:
  Experiment(std::string trace, std::vector<double> demand, size_t first)
      : trace_(std::move(trace)), demand_(std::move(demand)), first_(first) {}

  std::vector<Line> run() {
    for (const int horizon : kHorizons) methods(horizon);
    return std::move(lines_);
  }

 private:
  void add(int horizon, const char* method, const std::vector<double>& reserve) {
    const size_t decided = size_t(horizon);  // nothing could be held before the first decision
    lines_.push_back({trace_, horizon, method, score(demand_, reserve, first_),
                      score(demand_, reserve, decided).short_share});
  }

  void add_hindsight(int horizon, const char* method, Plan plan) {
    choose_factor(demand_, plan, first_, kShareMax);
    add(horizon, method, plan.reserve);
  }

  void methods(int horizon) {
    double last = 0;
    add_hindsight(horizon, "last value, hindsight",
                  replay(
                      demand_, horizon, [&](double y) { last = y; }, [&] { return last; }));
    predict::Ewma ewma = *predict::Ewma::create({.level_rate = 0.3});
    add_hindsight(
        horizon, "EWMA .3, hindsight",
        replay(
            demand_, horizon, [&](double y) { ewma.observe(y); }, [&] { return ewma.level(); }));
    predict::Holt holt = *predict::Holt::create({.level_rate = 0.8, .trend_rate = 0.05});
    add_hindsight(horizon, "damped Holt .8/.05, hindsight",
                  replay(
                      demand_, horizon, [&](double y) { holt.observe(y); },
                      [&] { return holt.forecast(horizon).mean; }));
    const predict::ReserveOptions options{.short_share = kShareMax, .horizon = horizon};
    add_hindsight(horizon, "ReserveForecast, hindsight", replay(demand_, options));
    add(horizon, "ReserveForecast, learned", replay(demand_, options).reserve);
    add(horizon, "static p99, hindsight",
        std::vector<double>(demand_.size(), static_reserve(demand_, first_, kShareMax)));
    add(horizon, "peak, hindsight",
        std::vector<double>(demand_.size(), static_reserve(demand_, first_, 0)));
  }

  std::string trace_;
  std::vector<double> demand_;
  size_t first_;
  std::vector<Line> lines_;
};

Arguments parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string value = values[i];
    if (value == "--json" && i + 1 < count) {
      arguments.json = values[++i];
    } else if (value == "--first" && i + 1 < count) {
      arguments.first = size_t(std::strtoul(values[++i], nullptr, 10));
    } else {
      arguments.traces.push_back(value);
    }
  }
  return arguments;
}

void print(const std::vector<Line>& lines) {
  std::printf("%-36s %8s  %-30s %14s %8s %11s\n", "trace", "horizon", "method", "reserve/demand",
              "short %", "from 1st s");
  for (const Line& line : lines) {
    std::printf("%-36s %6d s  %-30s %14.3f %8.2f %11.2f\n", line.trace.c_str(), line.horizon,
                line.method.c_str(), line.counted.ratio, 100 * line.counted.short_share,
                100 * line.short_share_all);
  }
}

bool write_json(const std::string& path, const std::vector<Line>& lines) {
  std::ofstream file(path);
  file << "{\"rows\": [";
  for (const Line& line : lines) {
    file << (&line == lines.data() ? "\n" : ",\n") << "  {\"trace\": \"" << line.trace
         << "\", \"horizon_s\": " << line.horizon << ", \"method\": \"" << line.method
         << "\", \"reserve_over_demand\": " << line.counted.ratio
         << ", \"short_share\": " << line.counted.short_share
         << ", \"short_share_from_first\": " << line.short_share_all << "}";
  }
  file << "\n]}\n";
  return bool(file.flush());
}

int run(const Arguments& arguments) {
  std::vector<Line> lines;
  const auto experiment = [&](const std::string& name, const std::vector<TraceRequest>& requests) {
    std::vector<double> demand = demand_per_second(requests);
    if (demand.size() < arguments.first + 100) {
      std::fprintf(stderr, "demand_bench: %s: expected %zu seconds or more, found %zu\n",
                   name.c_str(), arguments.first + 100, demand.size());
      return false;
    }
    for (Line& line : Experiment(name, std::move(demand), arguments.first).run()) {
      lines.push_back(std::move(line));
    }
    return true;
  };
  for (const std::string& path : arguments.traces) {
    const Result<std::vector<TraceRequest>> requests = read_azure_trace(path);
    if (!requests.ok()) {
      std::fprintf(stderr, "demand_bench: %s\n", requests.status().to_string().c_str());
      return 1;
    }
    if (!experiment(path.substr(path.find_last_of('/') + 1), *requests)) return 1;
  }
  if (arguments.traces.empty() && !experiment("diurnal", diurnal_trace({}))) return 1;
  print(lines);
  if (!arguments.json.empty() && !write_json(arguments.json, lines)) {
    std::fprintf(stderr, "demand_bench: %s: cannot be written\n", arguments.json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace llmos::test

int main(int count, char** values) { return llmos::test::run(llmos::test::parse(count, values)); }
