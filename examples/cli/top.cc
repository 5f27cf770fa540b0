// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "command.h"
#include "http_get.h"
#include "interrupt.h"
#include "terminal.h"

namespace cli {
namespace {

using Json = nlohmann::json;
using llmos::Result;
using llmos::Status;

const Usage& usage() {
  static const Usage usage{
      "llmos top [--server URL] [flags]",
      "Shows what a running `llmos serve` does: queue levels, memory, tokens/s, tenants.",
      {
          {"--server", "URL", "the server (default http://127.0.0.1:8080)"},
          {"--key", "KEY", "an API key, where the server wants one"},
          {"--every", "X", "seconds between two pictures (default 1)"},
          {"--once", nullptr, "one picture, without control codes"},
          {"--json", nullptr, "with --once: the server's numbers as they are"},
      },
      {},
      "llmos top --once"};
  return usage;
}

// Members of what a server sent: 0 and "" where they are missing or something else.
double number(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}
std::string word(const Json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
const Json& member(const Json& object, const char* name) {
  static const Json nothing;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found == object.end() ? nothing : *found;
}

// No control codes of a stranger's reach the terminal.
std::string printable(std::string text, size_t columns) {
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  text.resize(std::min(text.size(), columns));
  return text;
}

std::string bar(double part, size_t width, char filled, char empty) {
  const auto count = size_t(std::clamp(part, 0.0, 1.0) * double(width) + 0.5);
  return std::string(count, filled) + std::string(width - count, empty);
}

std::string head_lines(const Json& stats) {
  const auto up = uint64_t(number(stats, "uptime_s"));
  std::string state = member(stats, "ready") == Json(true) ? "ready" : "not ready";
  return formatted("llmos %s   %s   %s   up %llu:%02llu:%02llu   %.0f connections\n",
                   printable(word(stats, "version"), 20).c_str(),
                   printable(word(stats, "model"), 60).c_str(), state.c_str(),
                   static_cast<unsigned long long>(up / 3600),
                   static_cast<unsigned long long>(up / 60 % 60),
                   static_cast<unsigned long long>(up % 60), number(stats, "connections"));
}

// The last tokens/s as columns of eight heights, the newest at the right.
std::string history_line(const Json& stats, size_t width) {
  static const char* const kHeights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const Json& history = member(stats, "history");
  double most = 1;
  for (const Json& rate : history) most = std::max(most, rate.is_number() ? rate.get<double>() : 0);
  std::string line;
  const size_t count = history.is_array() ? history.size() : 0;
  for (size_t i = count > width ? count - width : 0; i < count; ++i) {
    const double rate = history[i].is_number() ? history[i].get<double>() : 0;
    line += kHeights[size_t(std::clamp(rate / most, 0.0, 1.0) * 8)];
  }
  return line + '\n';
}

std::string request_lines(const Json& stats) {
  const Json& r = member(stats, "requests");
  return formatted("requests   %.0f running   %.0f waiting   %.0f swapped   %.0f parked\n",
                   number(r, "running"), number(r, "waiting"), number(r, "swapped"),
                   number(r, "parked")) +
         formatted(
             "           %.0f completed   %.0f cancelled   %.0f failed   %.0f refused   "
             "%.0f preemptions\n",
             number(r, "completed"), number(r, "cancelled"), number(r, "failed"),
             number(r, "refused"), number(r, "preemptions"));
}

// Block by block as the server drew it, in lines of `width`; nothing of an older server.
std::string memory_map(const Json& kv, size_t width) {
  const std::string map = printable(word(kv, "map"), 512);
  std::string text;
  for (size_t at = 0; at < map.size(); at += width) {
    text += (at == 0 ? "KV map     [" : "           [") + map.substr(at, width) + "]\n";
  }
  if (text.empty()) return text;
  return text + formatted(
                    "           # one sequence   = shared   + cached   ! pinned (%.0f)   "
                    "~ moving   . free   a sign: %.0f blocks\n",
                    number(kv, "pinned"), number(kv, "map_blocks"));
}

std::string memory_line(const Json& stats, size_t width) {
  const Json& kv = member(stats, "kv");
  const double blocks = std::max(number(kv, "blocks"), 1.0);
  const double used = number(kv, "used") / blocks, cached = number(kv, "cached") / blocks;
  const auto used_columns = size_t(used * double(width) + 0.5);
  const std::string map =
      bar(used, used_columns, '#', ' ') +
      bar(cached / std::max(1 - used, 1e-9), width - std::min(width, used_columns), '+', '.');
  return formatted("KV blocks  [%s]\n", map.c_str()) +
         formatted("           # %.0f used   + %.0f cached   . %.0f free   waste %.1f %%\n",
                   number(kv, "used"), number(kv, "cached"), number(kv, "free"),
                   number(kv, "waste") * 100) +
         memory_map(kv, width);
}

std::string level_lines(const Json& stats, size_t width) {
  const Json& levels = member(stats, "levels");
  double most = 1;
  for (const Json& depth : levels)
    most = std::max(most, depth.is_number() ? depth.get<double>() : 0);
  std::string text;
  constexpr size_t kShown = 12;
  size_t shown = 0;
  for (size_t level = 0; levels.is_array() && level < levels.size(); ++level) {
    const double depth = levels[level].is_number() ? levels[level].get<double>() : 0;
    if (depth <= 0) continue;
    if (++shown > kShown) break;
    text += formatted("level %3zu  %6.0f  %s\n", level, depth,
                      bar(depth / most, width - 10, '#', ' ').c_str());
  }
  return text.empty() ? "levels     nobody waits\n" : text;
}

std::string latency_lines(const Json& stats) {
  const Json& all = member(stats, "latency_ms");
  std::string text = formatted("%-12s %10s %10s %10s %10s\n", "ms", "p50", "p90", "p99", "max");
  constexpr std::pair<const char*, const char*> kRows[] = {{"first_token", "first token"},
                                                           {"token_gap", "token gap"},
                                                           {"total", "whole answer"},
                                                           {"step", "step"}};
  for (const auto& [key, name] : kRows) {
    const Json& one = member(all, key);
    text += formatted("%-12s %10.1f %10.1f %10.1f %10.1f\n", name, number(one, "p50"),
                      number(one, "p90"), number(one, "p99"), number(one, "max"));
  }
  return text;
}

std::string tenant_lines(const Json& stats) {
  const Json& tenants = member(stats, "tenants");
  if (!tenants.is_array() || tenants.empty()) return {};
  std::string text =
      formatted("%-20s %10s %12s %12s\n", "tenant", "requests", "prompt tok", "output tok");
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < std::min(tenants.size(), kShown); ++i) {
    const std::string name = printable(word(tenants[i], "name"), 20);
    text += formatted("%-20s %10.0f %12.0f %12.0f\n", name.empty() ? "(none)" : name.c_str(),
                      number(tenants[i], "requests"), number(tenants[i], "prompt_tokens"),
                      number(tenants[i], "output_tokens"));
  }
  return text;
}

std::string picture(const Json& stats, size_t columns) {
  const size_t width = std::clamp<size_t>(columns, 60, 140) - 20;
  return head_lines(stats) + '\n' +
         formatted("tokens/s   %.1f output   %.1f prompt   engine busy %.0f %%\n",
                   number(stats, "tokens_per_second"), number(stats, "prompt_tokens_per_second"),
                   number(stats, "utilisation") * 100) +
         "           " + history_line(stats, width) + request_lines(stats) +
         memory_line(stats, width) + level_lines(stats, width) + '\n' + latency_lines(stats) +
         '\n' + tenant_lines(stats);
}

size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

Result<Json> read_stats(const Arguments& arguments, std::string* text) {
  std::string url = arguments.text("--server", "http://127.0.0.1:8080");
  while (url.ends_with('/')) url.pop_back();
  Result<std::string> body = http_get(url + "/stats", arguments.text("--key"));
  if (!body.ok()) return body.status();
  Json stats = Json::parse(*body, nullptr, false);
  if (!stats.is_object()) {
    return Status(llmos::Code::kCorrupt, "what listens there is no llmos server");
  }
  if (text) *text = *std::move(body);
  return stats;
}

// In place: the cursor goes home, each line clears what was behind it, and the rest goes.
std::string in_place(const std::string& text) {
  std::string out = "\033[H";
  for (const char c : text) out += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
  return out + "\033[J";
}

Status watch(const Arguments& arguments, double every) {
  const InterruptWatch interrupts;
  Status status = write_stdout("\033[?1049h\033[?25l");  // a screen of its own, without cursor
  while (status.ok() && !InterruptWatch::take()) {
    const Result<Json> stats = read_stats(arguments, nullptr);
    status = write_stdout(in_place(stats.ok() ? picture(*stats, terminal_columns())
                                              : stats.status().to_string() + '\n'));
    std::this_thread::sleep_for(std::chrono::duration<double>(every));
  }
  static_cast<void>(write_stdout("\033[?25h\033[?1049l"));
  return status;
}

Status run(const Arguments& arguments) {
  const double every = arguments.number("--every", 1);
  if (every < 0.1) throw UsageError{"--every: expected at least 0.1"};
  if (arguments.has("--json") && !arguments.has("--once")) {
    throw UsageError{"--json: expected together with --once"};
  }
  if (!arguments.has("--once")) {
    if (stdout_is_terminal()) return watch(arguments, every);
    throw UsageError{"standard output is no terminal: use --once"};
  }
  std::string text;
  const Result<Json> stats = read_stats(arguments, &text);
  if (!stats.ok()) return stats.status();
  return write_stdout(arguments.has("--json") ? text + '\n' : picture(*stats, 80));
}

}  // namespace

const Command kTop{"top", "watch a running server", usage, run};

}  // namespace cli
