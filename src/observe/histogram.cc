// SPDX-License-Identifier: Apache-2.0
#include "observe/histogram.h"

#include <algorithm>
#include <cmath>

namespace llmos::observe {

uint64_t HistogramSnapshot::percentile(double p) const {
  LLMOS_CHECK(p >= 0 && p <= 1) << "a share of " << p;
  if (count_ == 0) return 0;
  const uint64_t rank = std::clamp<uint64_t>(uint64_t(std::ceil(p * double(count_))), 1, count_);
  uint64_t below = 0;
  size_t bucket = 0;
  while ((below += buckets_[bucket]) < rank) ++bucket;
  const uint64_t low = histogram_low(bucket);
  const uint64_t middle = low + (histogram_high(bucket) - low) / 2;
  return std::clamp(middle, min_, max_);
}

uint64_t HistogramSnapshot::count_at_most(uint64_t value) const {
  uint64_t count = 0;
  for (size_t i = 0; i <= histogram_bucket(value); ++i)
    if (histogram_high(i) <= value) count += buckets_[i];
  return count;
}

LatencySummary HistogramSnapshot::latency() const {
  using std::chrono::nanoseconds;
  return {.count = count_,
          .mean = nanoseconds(int64_t(mean())),
          .min = nanoseconds(int64_t(min())),
          .p50 = nanoseconds(int64_t(percentile(0.5))),
          .p90 = nanoseconds(int64_t(percentile(0.9))),
          .p99 = nanoseconds(int64_t(percentile(0.99))),
          .p999 = nanoseconds(int64_t(percentile(0.999))),
          .max = nanoseconds(int64_t(max()))};
}

HistogramSnapshot& HistogramSnapshot::operator+=(const HistogramSnapshot& other) {
  for (size_t i = 0; i < kHistogramBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  return *this;
}

void Histogram::merge(const HistogramSnapshot& other) noexcept {
  sum_.fetch_add(other.sum_, std::memory_order_relaxed);
  lower_min(other.min_);
  raise_max(other.max_);
  for (size_t i = 0; i < kHistogramBuckets; ++i)
    if (other.buckets_[i]) buckets_[i].fetch_add(other.buckets_[i], std::memory_order_release);
}

HistogramSnapshot Histogram::snapshot() const {
  HistogramSnapshot out;
  for (size_t i = 0; i < kHistogramBuckets; ++i)
    out.count_ += out.buckets_[i] = buckets_[i].load(std::memory_order_acquire);
  out.sum_ = sum_.load(std::memory_order_relaxed);
  out.min_ = min_.load(std::memory_order_relaxed);
  out.max_ = max_.load(std::memory_order_relaxed);
  return out;
}

void Histogram::lower_min(uint64_t value) noexcept {
  uint64_t seen = min_.load(std::memory_order_relaxed);
  while (value < seen && !min_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

void Histogram::raise_max(uint64_t value) noexcept {
  uint64_t seen = max_.load(std::memory_order_relaxed);
  while (value > seen && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace llmos::observe
