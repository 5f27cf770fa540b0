// SPDX-License-Identifier: Apache-2.0
// Reads the files that memory_bench.sh collected and compares the pool with the best peer.
//
//   memory_report RESULTS_DIR OUT.json
//
// A file <round>.<build>.<thing>.json holds Google Benchmark's rows of one process. Prints one line
// per cell with medians over the rounds; OUT.json gets the same in Google Benchmark's shape.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

// Issue 3, "Measures": the pool's time over that of the best peer of the same run.
struct Goal {
  const char* pattern;
  double ratio_max;
};
constexpr Goal kGoals[] = {
    {"Pair", 0.5}, {"Shuffled", 0.6}, {"Churn", 0.55}, {"Remote", 0.6}, {"Llm", 1.0}};
constexpr double kFlatMax = 1.5;  // slowest of the Shuffled sizes over the fastest

const std::vector<std::string> kPeers = {"Malloc", "Mimalloc", "Jemalloc", "Tbbmalloc", "Tcmalloc"};
// The pool as users call it, in both builds; then what explains it.
const std::vector<std::string> kOurs = {"Pool", "Pool.shared", "PoolSized", "PoolCall",
                                        "EmptyCall"};

// "BM_Pool_Pair/64/threads:1" is thing Pool in cell "Pair/64/threads:1".
struct Row {
  std::string thing, cell;
};

std::optional<Row> parse_row(const std::string& name) {
  const size_t thing_end = name.find('_', 3);
  if (!name.starts_with("BM_") || thing_end == std::string::npos) return {};
  return Row{name.substr(3, thing_end - 3), name.substr(thing_end + 1)};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

class Report {
 public:
  bool read(const std::filesystem::path& path);
  void print() const;
  json to_json() const;

 private:
  using Samples = std::map<std::string, std::vector<double>>;  // by thing

  void add(const std::string& cell, const std::string& thing, double ns);
  std::optional<double> value(const std::string& cell, const std::string& thing) const;
  std::string best_peer(const std::string& cell) const;
  void print_cell(const std::string& cell, const std::vector<std::string>& things) const;
  void print_flatness() const;

  std::vector<std::string> cells_;  // in order of appearance
  std::map<std::string, Samples> samples_;
  json context_;
};

// The thing's name in the file's name is what the script meant to run, that in the rows is what
// memory_bench found to be running: they must agree.
bool Report::read(const std::filesystem::path& path) {
  const std::string stem = path.stem();  // round.build.thing
  const std::string thing = stem.substr(stem.rfind('.') + 1);
  const bool shared = stem.find(".shared.") != std::string::npos;
  std::ifstream file(path);
  const json content = json::parse(file, nullptr, false);
  if (content.is_discarded()) {
    std::fprintf(stderr, "memory_report: %s is not JSON\n", path.c_str());
    return false;
  }
  if (context_.is_null()) context_ = content["context"];
  for (const json& each : content["benchmarks"]) {
    const auto row = parse_row(each["name"]);
    if (!row || !row->thing.starts_with(thing)) {
      std::fprintf(stderr, "memory_report: %s holds a row %s; expected those of %s\n", path.c_str(),
                   each["name"].get<std::string>().c_str(), thing.c_str());
      return false;
    }
    const std::string name = shared ? row->thing + ".shared" : row->thing;
    const double ns = each["cpu_time"];
    add(row->cell, name, ns);
    if (each.contains("wait_ns")) add("Busy" + row->cell, name, ns - double(each["wait_ns"]));
  }
  return true;
}

void Report::add(const std::string& cell, const std::string& thing, double ns) {
  if (!samples_.contains(cell)) cells_.push_back(cell);
  samples_[cell][thing].push_back(ns);
}

std::optional<double> Report::value(const std::string& cell, const std::string& thing) const {
  const auto& things = samples_.at(cell);
  const auto found = things.find(thing);
  if (found == things.end()) return {};
  return median(found->second);
}

std::string Report::best_peer(const std::string& cell) const {
  std::string best;
  for (const std::string& peer : kPeers) {
    const auto ns = value(cell, peer);
    if (ns && (best.empty() || *ns < *value(cell, best))) best = peer;
  }
  return best;
}

const Goal* goal_of(const std::string& cell) {
  for (const Goal& goal : kGoals) {
    if (cell.starts_with(goal.pattern)) return &goal;
  }
  return nullptr;
}

void Report::print_cell(const std::string& cell, const std::vector<std::string>& things) const {
  std::printf("%-26s", cell.c_str());
  for (const std::string& thing : things) {
    const auto ns = value(cell, thing);
    ns ? std::printf(" %11.2f", *ns) : std::printf(" %11s", "-");
  }
  const std::string best = best_peer(cell);
  const auto pool = value(cell, "Pool");
  if (!pool || best.empty()) {
    std::printf("\n");
    return;
  }
  const double ratio = *pool / *value(cell, best);
  const double shared = value(cell, "Pool.shared").value_or(*pool) / *value(cell, best);
  std::printf("  %-9s %5.2f %5.2f", best.c_str(), ratio, shared);
  if (const Goal* goal = goal_of(cell)) {
    const char* verdict = std::max(ratio, shared) <= goal->ratio_max ? "met"
                          : std::max(ratio, shared) <= 1             ? "SHORT"
                                                                     : "BEHIND";
    std::printf("  <= %.2f %s", goal->ratio_max, verdict);
  }
  std::printf("\n");
}

void Report::print_flatness() const {
  for (const char* thing : {"Pool", "Pool.shared"}) {
    double fastest = 1e300, slowest = 0;
    for (const std::string& cell : cells_) {
      const auto ns = cell.starts_with("Shuffled") ? value(cell, thing) : std::nullopt;
      if (!ns) continue;
      fastest = std::min(fastest, *ns);
      slowest = std::max(slowest, *ns);
    }
    if (slowest == 0) continue;
    std::printf("%s Shuffled, slowest size over fastest: %.2f  <= %.2f %s\n", thing,
                slowest / fastest, kFlatMax, slowest / fastest <= kFlatMax ? "met" : "SHORT");
  }
}

void Report::print() const {
  std::vector<std::string> things;
  for (const auto& group : {kOurs, kPeers}) {
    for (const std::string& thing : group) {
      const bool measured = std::any_of(cells_.begin(), cells_.end(), [&](const auto& cell) {
        return value(cell, thing).has_value();
      });
      if (measured) things.push_back(thing);
    }
  }
  std::printf(
      "CPU ns per block allocated, first byte written, and freed; medians over the rounds\n");
  std::printf("%-26s", "cell");
  for (const std::string& thing : things) std::printf(" %11s", thing.c_str());
  std::printf("  %-9s ratio (shared) goal\n", "best peer");
  for (const std::string& cell : cells_) print_cell(cell, things);
  print_flatness();
}

json Report::to_json() const {
  json out;
  out["context"] = context_;
  out["benchmarks"] = json::array();
  out["cells"] = json::array();
  for (const std::string& cell : cells_) {
    for (const auto& [thing, rounds] : samples_.at(cell)) {
      const bool shared = thing.ends_with(".shared");
      const std::string name = "BM_" + thing.substr(0, thing.find('.')) + "_" + cell;
      out["benchmarks"].push_back({{"name", name},
                                   {"build", shared ? "shared" : "static"},
                                   {"aggregate_name", "median"},
                                   {"cpu_time", median(rounds)},
                                   {"time_unit", "ns"},
                                   {"rounds", rounds}});
    }
    const std::string best = best_peer(cell);
    const auto pool = value(cell, "Pool");
    if (!pool || best.empty()) continue;
    json entry = {{"cell", cell}, {"best_peer", best}, {"ratio", *pool / *value(cell, best)}};
    if (const auto shared = value(cell, "Pool.shared")) {
      entry["ratio_shared"] = *shared / *value(cell, best);
    }
    if (const Goal* goal = goal_of(cell)) entry["ratio_max"] = goal->ratio_max;
    out["cells"].push_back(entry);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: memory_report RESULTS_DIR OUT.json\n");
    return 2;
  }
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  Report report;
  for (const auto& path : paths) {
    if (!report.read(path)) return 1;
  }
  report.print();
  std::ofstream(argv[2]) << report.to_json().dump(1) << '\n';
  return 0;
}
