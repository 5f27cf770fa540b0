// SPDX-License-Identifier: Apache-2.0
#include "stats.h"

#include <llmos/version.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "json_writer.h"

namespace server {
namespace {

constexpr auto kSampleEvery = std::chrono::seconds(1);

void append_metric(std::string& out, const char* name, const char* type, const char* help,
                   uint64_t value) {
  out += std::string("# HELP ") + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
  out += std::string(name) + ' ' + std::to_string(value) + '\n';
}

double milliseconds(std::chrono::nanoseconds time) { return double(time.count()) * 1e-6; }

void write_latency(JsonWriter& json, const char* name, const llmos::LatencySummary& latency) {
  json.key(name).open('{').key("count").value(latency.count);
  json.key("mean").value(milliseconds(latency.mean)).key("p50").value(milliseconds(latency.p50));
  json.key("p90").value(milliseconds(latency.p90)).key("p99").value(milliseconds(latency.p99));
  json.key("max").value(milliseconds(latency.max)).close('}');
}

void write_requests(JsonWriter& json, const llmos::Metrics& m) {
  json.key("requests").open('{');
  json.key("waiting").value(m.waiting).key("running").value(m.running);
  json.key("swapped").value(m.swapped).key("parked").value(m.parked);
  json.key("submitted").value(m.submitted).key("completed").value(m.completed);
  json.key("cancelled").value(m.cancelled).key("failed").value(m.failed);
  json.key("refused").value(m.refused).key("preemptions").value(m.preemptions).close('}');
}

// Without the empty levels at the end.
void write_levels(JsonWriter& json, const std::vector<uint32_t>& levels) {
  size_t count = levels.size();
  while (count > 0 && levels[count - 1] == 0) --count;
  json.key("levels").open('[');
  for (size_t i = 0; i < count; ++i) json.value(levels[i]);
  json.close(']');
}

// A character for each block, or for as many as make a picture of kMapCells: what most of them are.
void write_map(JsonWriter& json, const llmos::KvMap& map) {
  constexpr size_t kMapCells = 512;
  constexpr std::string_view kSigns = ".#=+!~";  // in the order of KvBlockUse
  const size_t per_cell = (map.blocks.size() + kMapCells - 1) / kMapCells;
  std::string cells;
  for (size_t from = 0; from < map.blocks.size(); from += per_cell) {
    std::array<size_t, kSigns.size()> counts{};
    const size_t to = std::min(from + per_cell, map.blocks.size());
    for (size_t i = from; i < to; ++i) ++counts[size_t(map.blocks[i].use)];
    cells += kSigns[size_t(std::max_element(counts.begin(), counts.end()) - counts.begin())];
  }
  json.key("map").value(cells).key("map_blocks").value(per_cell);
}

void write_kv(JsonWriter& json, const llmos::Metrics& m, const llmos::KvMap& map) {
  const uint32_t unused = m.kv_blocks_free + m.kv_blocks_cached;
  json.key("kv").open('{').key("blocks").value(m.kv_blocks).key("free").value(m.kv_blocks_free);
  json.key("cached").value(m.kv_blocks_cached);
  json.key("used").value(m.kv_blocks > unused ? m.kv_blocks - unused : 0);
  json.key("pinned").value(m.kv_blocks_pinned);
  if (!map.blocks.empty()) write_map(json, map);
  json.key("waste").value(m.kv_waste).close('}');
}

// Blocks that are in use, by tenant.
std::vector<size_t> blocks_held(const llmos::KvMap& map, size_t tenants) {
  std::vector<size_t> held(tenants);
  for (const llmos::KvBlock& block : map.blocks) {
    const bool told =
        block.use != llmos::KvBlockUse::kFree && block.use != llmos::KvBlockUse::kMoving;
    if (told && block.tenant < tenants) ++held[block.tenant];
  }
  return held;
}

void write_tenants(JsonWriter& json, const std::vector<llmos::TenantUse>& tenants,
                   const llmos::KvMap& map) {
  const std::vector<size_t> held = blocks_held(map, tenants.size());
  size_t index = 0;
  json.key("tenants").open('[');
  for (const llmos::TenantUse& use : tenants) {
    json.open('{').key("name").value(use.tenant).key("requests").value(use.requests);
    json.key("prompt_tokens").value(use.prompt_tokens);
    json.key("output_tokens").value(use.output_tokens);
    if (!map.blocks.empty()) json.key("kv_blocks").value(held[index++]);
    if (use.kv_blocks_max > 0) json.key("kv_blocks_max").value(use.kv_blocks_max);
    json.key("kv_block_seconds").value(use.kv_block_seconds).close('}');
  }
  json.close(']');
}

void write_throughput(JsonWriter& json, const Throughput::View& view) {
  json.key("tokens_per_second").value(view.output_per_second);
  json.key("prompt_tokens_per_second").value(view.prompt_per_second);
  json.key("history").open('[');
  for (const double rate : view.history) json.value(rate);
  json.close(']');
}

}  // namespace

std::string ServerMeters::prometheus_text() const {
  std::string out;
  append_metric(out, "llmos_server_connections", "gauge", "Open connections.", connections.load());
  append_metric(out, "llmos_server_accepted_total", "counter", "Connections accepted.",
                accepted.load());
  append_metric(out, "llmos_server_refused_total", "counter", "Connections beyond the bound.",
                refused.load());
  append_metric(out, "llmos_server_evicted_total", "counter",
                "Idle connections closed to make room.", evicted.load());
  append_metric(out, "llmos_server_timed_out_total", "counter", "Connections that took too long.",
                timed_out.load());
  append_metric(out, "llmos_server_disconnected_total", "counter",
                "Clients that left before their answer was whole.", disconnected.load());
  out +=
      "# HELP llmos_server_responses_total Answers by call and class of status.\n"
      "# TYPE llmos_server_responses_total counter\n";
  for (size_t call = 0; call < kCalls; ++call) {
    for (size_t klass = 0; klass < counts_[call].size(); ++klass) {
      const uint64_t count = counts_[call][klass].load(std::memory_order_relaxed);
      if (count == 0) continue;
      out += std::string("llmos_server_responses_total{call=\"") + call_name(Call(call)) +
             "\",status=\"" + std::to_string(klass + 2) + "xx\"} " + std::to_string(count) + '\n';
    }
  }
  return out;
}

bool Throughput::due(Clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  return samples_.empty() || now - samples_.back().at >= kSampleEvery;
}

void Throughput::sample(const llmos::Metrics& metrics, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!samples_.empty() && now - samples_.back().at < kSampleEvery) return;
  samples_.push_back({now, metrics.output_tokens, metrics.prompt_tokens});
  if (samples_.size() > kSamples) samples_.pop_front();
}

Throughput::View Throughput::view() const {
  const std::lock_guard lock(mutex_);
  const auto rate = [&](size_t from, size_t to, uint64_t Sample::*what) {
    const double seconds =
        std::chrono::duration<double>(samples_[to].at - samples_[from].at).count();
    return seconds > 0 ? double(samples_[to].*what - samples_[from].*what) / seconds : 0.0;
  };
  View view;
  if (samples_.size() < 2) return view;
  const size_t last = samples_.size() - 1;
  const size_t from = last >= 2 ? last - 2 : 0;
  view.output_per_second = rate(from, last, &Sample::output);
  view.prompt_per_second = rate(from, last, &Sample::prompt);
  for (size_t i = 1; i <= last; ++i) view.history.push_back(rate(i - 1, i, &Sample::output));
  return view;
}

std::string stats_json(const StatsView& view) {
  const llmos::Metrics& m = view.metrics;
  JsonWriter json;
  json.open('{').key("model").value(view.model).key("version").value(llmos::version());
  json.key("ready").value(view.ready).key("uptime_s").value(view.uptime_s);
  json.key("connections").value(view.connections);
  write_requests(json, m);
  write_levels(json, m.waiting_by_level);
  write_kv(json, m, view.kv_map);
  write_throughput(json, view.throughput);
  json.key("output_tokens").value(m.output_tokens).key("prompt_tokens").value(m.prompt_tokens);
  json.key("cached_tokens").value(m.cached_tokens).key("steps").value(m.steps);
  json.key("utilisation").value(m.utilisation);
  json.key("latency_ms").open('{');
  write_latency(json, "first_token", m.first_token);
  write_latency(json, "token_gap", m.token_gap);
  write_latency(json, "total", m.total);
  write_latency(json, "step", m.step);
  json.close('}');
  write_tenants(json, m.tenants, view.kv_map);
  return json.close('}').take();
}

}  // namespace server
