// SPDX-License-Identifier: Apache-2.0
#include "support/sched_simulator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <limits>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "sched/event_log.h"

namespace llmos::test {
namespace {

using sched::Move;
using sched::MoveKind;
using sched::Scheduler;
using sched::SequenceIndex;

struct Track {
  double first_token = -1, last_token = -1, end = -1;
  double served_until = 0;  // end of its last step, or arrival
  double max_gap = 0, max_wait = 0;
};

// The link between two tiers: first come first served in each direction, writes first.
class Link {
 public:
  explicit Link(double tokens_per_second) : rate_(tokens_per_second) {}

  void add(const Move& move) {
    (move.kind == MoveKind::kOut ? writes_ : reads_)
        .push_back({move.sequence, double(move.tokens)});
  }
  template <class Done>
  void advance(double seconds, const Done& done) {
    double tokens = seconds * rate_;
    for (auto* queue : {&writes_, &reads_}) {
      while (tokens > 0 && !queue->empty()) {
        Transfer& first = queue->front();
        const double moved = std::min(tokens, first.left);
        tokens -= moved;
        first.left -= moved;
        if (first.left > 0) break;
        done(first.sequence);
        queue->pop_front();
      }
    }
  }

 private:
  struct Transfer {
    SequenceIndex sequence;
    double left;
  };
  double rate_;
  std::deque<Transfer> writes_, reads_;
};

// Weighted tokens served to each client, and for how long it had somebody in the system.
class Service {
 public:
  explicit Service(size_t clients) : served_(clients), active_(clients), since_(clients) {}
  void arrive(uint32_t client) { active_[client] += 1; }
  void leave(uint32_t client) { active_[client] -= 1; }
  void serve(uint32_t client, double tokens) { served_[client] += tokens; }
  void pass(double seconds) {
    const auto [least, most] = std::minmax_element(served_.begin(), served_.end());
    const bool all = std::all_of(active_.begin(), active_.end(), [](int n) { return n > 0; });
    if (all) gap_ = std::max(gap_, *most - *least);
    for (size_t i = 0; i < served_.size(); ++i) since_[i] += active_[i] > 0 ? seconds : 0;
  }
  double jain() const {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < served_.size(); ++i) {
      const double rate = since_[i] > 0 ? served_[i] / since_[i] : 0;
      sum += rate;
      squares += rate * rate;
    }
    return squares > 0 ? sum * sum / (double(served_.size()) * squares) : 1;
  }

  double gap() const { return gap_; }

 private:
  double gap_ = 0;
  std::vector<double> served_;
  std::vector<int> active_;
  std::vector<double> since_;
};

class Simulation {
 public:
  Simulation(std::span<const SimRequest> requests, const SimOptions& options, Scheduler& scheduler,
             const sched::Composition& rules)
      : requests_(requests),
        options_(options),
        costs_(options.costs),
        scheduler_(scheduler),
        rules_(rules),
        link_(rules.link_share / std::max(costs_.swap_token, 1e-12)),
        tracks_(requests.size()),
        request_of_(requests.size(), 0),
        service_(clients()) {
    hints_.resize(requests.size());
    Rng rng(options.seed, 4);
    for (size_t i = 0; i < requests.size(); ++i) {
      if (options.hint_sigma < 0) continue;
      const double error = options.hint_sigma > 0 ? options.hint_sigma * normal(rng) : 0;
      hints_[i] = std::max(1.0, requests[i].output_tokens * std::exp(error));
    }
  }

  Result<SimResult> run() {
    while (done_ < requests_.size() && steps_ < options_.steps_max) {
      if (Status status = deliver(); !status.ok()) return status;
      step();
      if (options_.check_every && steps_ % options_.check_every == 0) scheduler_.check_integrity();
      if (now_ > 1e9) return Status(Code::kInternal, "simulation: nothing ends any more");
    }
    return summary();
  }

 private:
  size_t clients() const {
    uint32_t most = 0;
    for (const SimRequest& request : requests_) most = std::max(most, request.client);
    return most + 1;
  }

  Status deliver() {
    while (next_ < requests_.size() && requests_[next_].arrival <= now_) {
      const SimRequest& request = requests_[next_];
      sched::Arrival arrival;
      arrival.prompt_tokens = request.prompt_tokens;
      arrival.output_tokens_max = kOutputMax;
      arrival.output_tokens_hint = hints_[next_];
      arrival.tenant = options_.tenants ? request.client : 0;
      const Result<SequenceIndex> index = scheduler_.arrive(arrival, request.arrival);
      if (!index.ok()) return index.status();
      request_of_.resize(std::max<size_t>(request_of_.size(), *index + 1));
      request_of_[*index] = next_;
      tracks_[next_].served_until = request.arrival;
      service_.arrive(request.client);
      ++next_;
    }
    return Status();
  }

  void step() {
    const sched::Resources resources{.kv_tokens = costs_.kv_tokens,
                                     .swap_tokens_free = ~uint64_t{0} >> 1};
    const auto begin = std::chrono::steady_clock::now();
    const sched::StepPlan& plan = scheduler_.plan(now_, resources);
    if (options_.time_plans) {
      const std::chrono::duration<double, std::micro> took =
          std::chrono::steady_clock::now() - begin;
      plan_us_.push_back(took.count());
    }
    ++steps_;
    double traffic = 0;
    for (const Move& move : plan.moves) {
      if (move.kind == MoveKind::kDrop) continue;
      if (rules_.swap_synchronous) {
        traffic += move.tokens;
      } else if (move.tokens > 0) {
        link_.add(move);
      }
    }
    double seconds = plan.idle_seconds;
    if (plan.runs()) {
      seconds = costs_.step + costs_.prompt_token * plan.prompt_tokens +
                costs_.decode * double(plan.decodes.size()) +
                costs_.context_token * double(plan.context_tokens);
      seconds = std::max(seconds, traffic * costs_.swap_token);
    } else if (next_ < requests_.size()) {
      seconds = std::min(seconds, requests_[next_].arrival - now_);
    }
    const double start = now_;
    now_ += seconds;
    if (now_ <= options_.measure_until) service_.pass(seconds);
    if (plan.runs()) commit(plan, start, seconds);
    link_.advance(seconds, [&](SequenceIndex index) { scheduler_.transferred(index, true, now_); });
    if (options_.watch) options_.watch(scheduler_, now_);
  }

  void commit(const sched::StepPlan& plan, double start, double seconds) {
    ended_.clear();
    for (const sched::PlannedPrompt& prompt : plan.prompts) {
      served(prompt.sequence, prompt.tokens, prompt.last ? 1 : 0, start);
    }
    for (const SequenceIndex index : plan.decodes) served(index, 0, 1, start);
    for (const SequenceIndex index : ended_) scheduler_.end(index, false, now_);
    scheduler_.step_done(seconds, now_);
  }

  void served(SequenceIndex index, uint32_t prompt, uint32_t output, double start) {
    Track& track = tracks_[request_of_[index]];
    const SimRequest& request = requests_[request_of_[index]];
    track.max_wait = std::max(track.max_wait, start - track.served_until);
    track.served_until = now_;
    scheduler_.commit(index, prompt, output, now_);
    if (now_ <= options_.measure_until) service_.serve(request.client, prompt + 2 * output);
    if (output == 0) return;
    if (track.first_token < 0) track.first_token = now_;
    if (track.last_token >= 0) track.max_gap = std::max(track.max_gap, now_ - track.last_token);
    track.last_token = now_;
    if (scheduler_.at(index).view.output_tokens < request.output_tokens) return;
    track.end = now_;
    service_.leave(request.client);
    ended_.push_back(index);
    ++done_;
  }

  SimResult summary() const;

  static constexpr uint32_t kOutputMax = 1 << 20;

  std::span<const SimRequest> requests_;
  const SimOptions& options_;
  const SchedulingCosts costs_;
  Scheduler& scheduler_;
  const sched::Composition& rules_;
  Link link_;
  std::vector<Track> tracks_;
  std::vector<size_t> request_of_;
  std::vector<double> hints_;
  std::vector<SequenceIndex> ended_;
  std::vector<double> plan_us_;
  Service service_;
  size_t next_ = 0, done_ = 0;
  uint64_t steps_ = 0;
  double now_ = 0;
};

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = std::min(values.size() - 1, size_t(share * double(values.size())));
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(at), values.end());
  return values[at];
}

SimResult Simulation::summary() const {
  SimResult r;
  // The first and the last tenth see an emptier system.
  const size_t margin = tracks_.size() / 10;
  std::vector<double> jct, ttft;
  double within = 0;
  for (size_t i = margin; i < tracks_.size() - margin; ++i) {
    const SimRequest& request = requests_[i];
    const Track& track = tracks_[i];
    jct.push_back(track.end - request.arrival);
    ttft.push_back(track.first_token - request.arrival);
    const double output = request.output_tokens;
    const double tpot = output > 1 ? (track.end - track.first_token) / (output - 1) : 0;
    const double alone =
        request.prompt_tokens * costs_.prompt_token + output * (costs_.step + costs_.decode);
    r.jct_mean += jct.back();
    r.ttft_mean += ttft.back();
    r.tpot_mean += tpot;
    r.normalized_latency_mean += jct.back() / output;
    r.slowdown_mean += jct.back() / alone;
    within += ttft.back() <= options_.slo_ttft && tpot <= options_.slo_tpot;
    r.max_gap_max = std::max(r.max_gap_max, track.max_gap);
    r.max_wait = std::max(r.max_wait, track.max_wait);
  }
  const double count = std::max(1.0, double(jct.size()));
  for (double* mean :
       {&r.jct_mean, &r.ttft_mean, &r.tpot_mean, &r.normalized_latency_mean, &r.slowdown_mean}) {
    *mean /= count;
  }
  r.slo_attainment = within / count;
  r.jct = jct;
  r.ttft = ttft;
  r.jct_p50 = quantile(jct, .5);
  r.jct_p99 = quantile(jct, .99);
  r.ttft_p99 = quantile(ttft, .99);
  const sched::SchedulerStats stats = scheduler_.stats();
  r.preemptions = double(stats.preemptions);
  r.swap_bytes = double(stats.tokens_swapped) * options_.bytes_per_token;
  r.recomputed_tokens = double(stats.tokens_recomputed);
  r.promotions = double(stats.promotions);
  r.jain = service_.jain();
  r.service_gap = service_.gap();
  std::vector<double> plans = plan_us_;
  r.plan_p50_us = quantile(plans, .5);
  r.plan_p99_us = quantile(plans, .99);
  r.makespan = now_;
  r.steps = steps_;
  r.digest = scheduler_.digest();
  return r;
}

}  // namespace

Result<SimResult> simulate(std::span<const SimRequest> requests, const SimOptions& options) {
  sched::PolicyOptions policy_options = options.policy_options;
  std::vector<uint32_t> lengths;
  for (const SimRequest& request : requests) lengths.push_back(request.output_tokens);
  policy_options.true_lengths = lengths;
  Result<sched::NamedPolicy> policy = sched::make_policy(options.policy, policy_options);
  if (!policy.ok()) return policy.status();
  sched::SchedulerConfig config;
  config.costs = options.costs;
  config.sequences_max = uint32_t(requests.size()) + 1;
  config.tenants_max = options.tenants ? 64 : 1;
  config.composition = policy->composition;
  if (options.swap != SwapMode::kAsPolicy) {
    config.composition.swap_synchronous = options.swap == SwapMode::kSync;
    config.composition.keeps_copies = options.swap == SwapMode::kQueued;
  }
  if (options.adjust) options.adjust(config.composition);
  auto scheduler = Scheduler::create(config, *policy->policy);
  if (!scheduler.ok()) return scheduler.status();
  (*scheduler)->record(options.log);
  SimOptions with_hints = options;
  const bool oracle = options.policy == "sjf" || options.policy == "srpt";
  if (oracle && options.hint_sigma < 0) with_hints.hint_sigma = 0;
  return Simulation(requests, with_hints, **scheduler, config.composition).run();
}

Result<double> capacity_rate(std::span<const SimRequest> requests, const SchedulingCosts& costs) {
  std::vector<SimRequest> all(requests.begin(), requests.end());
  for (SimRequest& request : all) request.arrival = 0;
  SimOptions options;
  options.policy = "fcfs";
  options.costs = costs;
  const Result<SimResult> result = simulate(all, options);
  if (!result.ok()) return result.status();
  return double(all.size()) / result->makespan;
}

}  // namespace llmos::test
