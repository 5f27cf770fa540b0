// SPDX-License-Identifier: Apache-2.0
// The named metrics of one engine or program, and their text for Prometheus.
//
//   Registry registry;
//   Result<Counter*> steps = registry.counter("llmos_steps_total", "Steps run.", {{"rank", "0"}});
//   (*steps)->add();
//   auto depth = registry.watch_gauge("llmos_queue_depth", "Requests waiting.", {},
//                                     [&queue] { return double(queue.size()); });
//   http_reply(registry.prometheus_text());
//
// Words    A *family* is all that has one name; it has one type and one help text. A *series* is
//          one set of labels within a family. A series is either *owned*, a metric that the
//          registry keeps, or *watched*, a number that lower floors keep and a callback reads.
// Owner    The registry owns its metrics: pointers stay valid as long as it lives. It must outlive
//          its Watches.
// Threads  Every method from any thread, under one lock; the metrics themselves take none.
//          Callbacks run under that lock, on the thread that asks for text: they must be quick and
//          must not call the registry.
// Failure  kInvalid: a name or label that Prometheus would refuse, or a family that exists with
//          another type. kExhausted: kSeriesMax series exist. A callback that throws leaves its
//          series out of that text.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmos/status.h"
#include "observe/histogram.h"

namespace llmos::observe {

using Labels = std::vector<std::pair<std::string, std::string>>;

// How a histogram is told to Prometheus: its values times `scale`, in one bucket per doubling with
// the upper bounds (2^first - 1) to (2^last - 1), times scale. A doubling's end is a bucket's end,
// so that the counts are exact.
struct HistogramText {
  double scale{1e-9};    // nanoseconds to seconds, which Prometheus's conventions ask for
  int octave_first{10};  // 1 us
  int octave_last{36};   // 69 s
};

class Registry;

// Keeps a watched series in its registry; destroying it removes the series. When it is gone, no
// call of the callback is running. Move-only.
class [[nodiscard]] Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  ~Watch();

 private:
  friend class Registry;
  Watch(Registry* registry, uint64_t id) : registry_(registry), id_(id) {}
  Registry* registry_ = nullptr;
  uint64_t id_ = 0;
};

class Registry {
 public:
  // Ten thousand series are what one Prometheus target should not exceed; at 1 KiB a counter and
  // 16 KiB a histogram, less is better.
  static constexpr size_t kSeriesMax = 4096;
  // Of one series, names and values together.
  static constexpr size_t kLabelBytesMax = 1024;

  explicit Registry(size_t series_max = kSeriesMax);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The metric of this name and these labels, made on the first call. The order of labels does not
  // matter. `help` counts on the first call of a family.
  Result<Counter*> counter(std::string_view name, std::string_view help, Labels labels = {});
  Result<Gauge*> gauge(std::string_view name, std::string_view help, Labels labels = {});
  Result<Histogram*> histogram(std::string_view name, std::string_view help, Labels labels = {},
                               HistogramText text = {});

  // Reads the number each time text is asked for. The series must not exist already.
  Result<Watch> watch_counter(std::string_view name, std::string_view help, Labels labels,
                              std::function<uint64_t()> read);
  Result<Watch> watch_gauge(std::string_view name, std::string_view help, Labels labels,
                            std::function<double()> read);
  Result<Watch> watch_histogram(std::string_view name, std::string_view help, Labels labels,
                                std::function<HistogramSnapshot()> read, HistogramText text = {});

  // Text exposition format 0.0.4 (content type "text/plain; version=0.0.4"), families by name.
  std::string prometheus_text() const;
  size_t series_count() const;

 private:
  friend class Watch;
  enum class Type : uint8_t { kCounter, kGauge, kHistogram };
  struct Watched {
    std::variant<std::function<uint64_t()>, std::function<double()>,
                 std::function<HistogramSnapshot()>>
        read;
    HistogramText text{};
    uint64_t id{};
  };
  struct Distribution {
    Histogram histogram;
    HistogramText text;
  };
  using Series = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>,
                              std::unique_ptr<Distribution>, Watched>;
  struct Family {
    Type type;
    std::string help;
    std::map<std::string, Series, std::less<>> series;  // by label text: a="x",b="y"
  };

  Result<Series*> find_or_make(Type type, std::string_view name, std::string_view help,
                               Labels labels, const std::function<Series()>& make);
  template <class T>
  Result<T*> owned(Type type, std::string_view name, std::string_view help, Labels labels,
                   const std::function<Series()>& make);
  Result<Watch> watch(Type type, std::string_view name, std::string_view help, Labels labels,
                      Watched watched);
  Status check_family(Type type, const std::string& name) const;
  void remove(uint64_t id);
  static void write_series(const std::string& name, const std::string& labels, const Series& series,
                           std::string& out);
  static void write_watched(const std::string& name, const std::string& labels,
                            const Watched& watched, std::string& out);

  const size_t series_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;  // guarded by mutex_, as is all below
  size_t series_count_ = 0;
  uint64_t next_watch_ = 1;
};

}  // namespace llmos::observe
