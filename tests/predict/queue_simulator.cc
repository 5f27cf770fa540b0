// SPDX-License-Identifier: Apache-2.0
#include "predict/queue_simulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

#include "predict/special.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct Running {
  size_t job;
  double attained = 0;
  double size = 0;
  double left() const { return size - attained; }
};

class SingleServer {
 public:
  SingleServer(Discipline discipline, std::vector<Job>& jobs)
      : discipline_(discipline), jobs_(jobs) {}

  void run() {
    size_t next = 0;
    while (next < jobs_.size() || !present_.empty()) {
      const double arrival = next < jobs_.size() ? jobs_[next].arrival : kInf;
      if (present_.empty()) {
        now_ = arrival;
        arrive(next++);
        continue;
      }
      choose();
      double step = arrival - now_;
      bool arrives = true;
      if (const double event = until_event(); event <= step) step = event, arrives = false;
      serve(step);
      now_ = arrives ? arrival : now_ + step;
      if (arrives) arrive(next++);
      depart();
    }
  }

 private:
  void arrive(size_t job) { present_.push_back({job, 0, jobs_[job].size}); }

  // Fills served_ with the jobs that share the server until the next event.
  void choose() {
    served_.clear();
    switch (discipline_) {
      case Discipline::kPs:
        for (size_t i = 0; i < present_.size(); ++i) served_.push_back(i);
        return;
      case Discipline::kLas: {
        double least = kInf;
        for (const Running& r : present_) least = std::min(least, r.attained);
        for (size_t i = 0; i < present_.size(); ++i) {
          if (present_[i].attained == least) served_.push_back(i);
        }
        return;
      }
      case Discipline::kFcfs:
        served_.push_back(0);
        return;
      case Discipline::kSjf:  // a job that has started stays
        served_.push_back(best([](const Running& r) { return r.attained > 0 ? -1 : r.size; }));
        return;
      case Discipline::kSrpt:
        served_.push_back(best([](const Running& r) { return r.left(); }));
        return;
    }
  }

  template <class F>
  size_t best(F&& key) const {
    size_t best = 0;
    for (size_t i = 1; i < present_.size(); ++i) {
      if (key(present_[i]) < key(present_[best])) best = i;
    }
    return best;
  }

  // Until a served job ends or, under las, catches up with the next level.
  double until_event() const {
    const double sharers = double(served_.size());
    double event = kInf;
    for (const size_t i : served_) event = std::min(event, present_[i].left() * sharers);
    if (discipline_ == Discipline::kLas) {
      const double level = present_[served_.front()].attained;
      for (const Running& r : present_) {
        if (r.attained > level) event = std::min(event, (r.attained - level) * sharers);
      }
    }
    return event;
  }

  void serve(double step) {
    const double each = step / double(served_.size());
    for (const size_t i : served_) present_[i].attained += each;
    if (discipline_ == Discipline::kLas) merge();
  }

  // Rounding must not keep apart what has caught up.
  void merge() {
    const double level = present_[served_.front()].attained;
    for (Running& r : present_) {
      if (std::abs(r.attained - level) < 1e-9) r.attained = level;
    }
  }

  void depart() {
    std::erase_if(present_, [&](const Running& r) {
      if (r.left() > 1e-12 * (1 + r.size)) return false;
      jobs_[r.job].response = now_ - jobs_[r.job].arrival;
      return true;
    });
  }

  Discipline discipline_;
  std::vector<Job>& jobs_;
  std::vector<Running> present_;  // in order of arrival
  std::vector<size_t> served_;
  double now_ = 0;
};

}  // namespace

std::vector<Job> draw_jobs(int count, double arrival_rate,
                           const std::function<double(Random&)>& size, Random& random) {
  std::vector<Job> jobs;
  double now = 0;
  for (int i = 0; i < count; ++i) {
    now += random.exponential(1 / arrival_rate);
    jobs.push_back({now, size(random), 0});
  }
  return jobs;
}

void simulate_single_server(Discipline discipline, std::vector<Job>& jobs) {
  SingleServer(discipline, jobs).run();
}

void simulate_servers(int servers, std::vector<Job>& jobs) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < servers; ++i) free_at.push(0);
  for (Job& job : jobs) {
    const double start = std::max(job.arrival, free_at.top());
    free_at.pop();
    free_at.push(start + job.size);
    job.response = start + job.size - job.arrival;
  }
}

Estimate estimate(int runs, uint64_t seed, const std::function<double(Random&)>& run) {
  double sum = 0, squares = 0;
  for (int i = 0; i < runs; ++i) {
    Random random(seed + uint64_t(i));
    const double value = run(random);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / runs;
  const double variance = std::max(0.0, squares / runs - mean * mean) * runs / (runs - 1);
  return {mean, student_t_quantile(0.9995, runs - 1) * std::sqrt(variance / runs)};
}

}  // namespace llmos::predict
