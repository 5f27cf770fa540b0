// SPDX-License-Identifier: Apache-2.0
#include "observe/registry.h"

#include <optional>
#include <utility>

#include "base/text.h"
#include "observe/exposition.h"

namespace llmos::observe {

namespace {

constexpr std::string_view kTypeNames[] = {"counter", "gauge", "histogram"};  // in Type's order
constexpr std::string_view kHistogramSuffixes[] = {"_bucket", "_sum", "_count"};

Status invalid(std::string_view name, std::string_view why) {
  return Status(Code::kInvalid,
                (Text() << "metric \"" << escape_label_value(name) << "\" " << why).str());
}

void check_text(const HistogramText& text) {
  LLMOS_CHECK(text.octave_first >= kHistogramBits && text.octave_first <= text.octave_last &&
              text.octave_last < 64 && text.scale > 0)
      << "octaves " << text.octave_first << " to " << text.octave_last;
}

}  // namespace

Watch::Watch(Watch&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(registry_, other.registry_);
  std::swap(id_, other.id_);
  return *this;
}

Watch::~Watch() {
  if (registry_) registry_->remove(id_);
}

Registry::Registry(size_t series_max) : series_max_(series_max) {}
Registry::~Registry() = default;

// A histogram x also writes x_bucket, x_sum and x_count: nobody else may have these names.
Status Registry::check_family(Type type, const std::string& name) const {
  for (const std::string_view suffix : kHistogramSuffixes) {
    if (type == Type::kHistogram && families_.contains(name + std::string(suffix)))
      return invalid(name, "would write a name that another metric has");
    if (!name.ends_with(suffix)) continue;
    const auto stem = families_.find(std::string_view(name).substr(0, name.size() - suffix.size()));
    if (stem != families_.end() && stem->second.type == Type::kHistogram)
      return invalid(name, "has a name that a histogram writes");
  }
  return {};
}

// Precondition: mutex_ is held.
Result<Registry::Series*> Registry::find_or_make(Type type, std::string_view name,
                                                 std::string_view help, Labels labels,
                                                 const std::function<Series()>& make) {
  if (!is_metric_name(name)) return invalid(name, "is not [a-zA-Z_:][a-zA-Z0-9_:]*");
  const Result<std::string> text = label_text(std::move(labels), type == Type::kHistogram);
  if (!text.ok()) return text.status();
  auto family = families_.find(name);
  if (family != families_.end()) {
    if (family->second.type != type)
      return invalid(name, "exists as a " + std::string(kTypeNames[size_t(family->second.type)]));
    const auto series = family->second.series.find(*text);
    if (series != family->second.series.end()) return &series->second;
  } else if (Status status = check_family(type, std::string(name)); !status.ok()) {
    return status;
  }
  if (series_count_ == series_max_)
    return Status(
        Code::kExhausted,
        (Text() << "the registry holds its " << series_max_ << " series; use fewer labels").str());
  if (family == families_.end())
    family = families_.try_emplace(std::string(name), Family{type, std::string(help), {}}).first;
  ++series_count_;
  return &family->second.series.emplace(*text, make()).first->second;
}

template <class T>
Result<T*> Registry::owned(Type type, std::string_view name, std::string_view help, Labels labels,
                           const std::function<Series()>& make) {
  std::lock_guard lock(mutex_);
  const Result<Series*> series = find_or_make(type, name, help, std::move(labels), make);
  if (!series.ok()) return series.status();
  auto* metric = std::get_if<std::unique_ptr<T>>(*series);
  if (!metric) return invalid(name, "is watched: its number is kept elsewhere");
  return metric->get();
}

Result<Counter*> Registry::counter(std::string_view name, std::string_view help, Labels labels) {
  return owned<Counter>(Type::kCounter, name, help, std::move(labels),
                        [] { return Series(std::make_unique<Counter>()); });
}

Result<Gauge*> Registry::gauge(std::string_view name, std::string_view help, Labels labels) {
  return owned<Gauge>(Type::kGauge, name, help, std::move(labels),
                      [] { return Series(std::make_unique<Gauge>()); });
}

Result<Histogram*> Registry::histogram(std::string_view name, std::string_view help, Labels labels,
                                       HistogramText text) {
  check_text(text);
  const Result<Distribution*> found =
      owned<Distribution>(Type::kHistogram, name, help, std::move(labels), [text] {
        auto made = std::make_unique<Distribution>();
        made->text = text;
        return Series(std::move(made));
      });
  if (!found.ok()) return found.status();
  return &(*found)->histogram;
}

Result<Watch> Registry::watch(Type type, std::string_view name, std::string_view help,
                              Labels labels, Watched watched) {
  std::lock_guard lock(mutex_);
  const uint64_t id = watched.id = next_watch_++;
  const Result<Series*> series =
      find_or_make(type, name, help, std::move(labels), [&] { return Series(std::move(watched)); });
  if (!series.ok()) return series.status();
  const auto* made = std::get_if<Watched>(*series);
  if (!made || made->id != id) return invalid(name, "has this series already");
  return Watch(this, id);
}

Result<Watch> Registry::watch_counter(std::string_view name, std::string_view help, Labels labels,
                                      std::function<uint64_t()> read) {
  return watch(Type::kCounter, name, help, std::move(labels), {std::move(read)});
}

Result<Watch> Registry::watch_gauge(std::string_view name, std::string_view help, Labels labels,
                                    std::function<double()> read) {
  return watch(Type::kGauge, name, help, std::move(labels), {std::move(read)});
}

Result<Watch> Registry::watch_histogram(std::string_view name, std::string_view help, Labels labels,
                                        std::function<HistogramSnapshot()> read,
                                        HistogramText text) {
  check_text(text);
  return watch(Type::kHistogram, name, help, std::move(labels), {std::move(read), text});
}

void Registry::remove(uint64_t id) {
  std::lock_guard lock(mutex_);
  for (auto family = families_.begin(); family != families_.end(); ++family) {
    const size_t removed = std::erase_if(family->second.series, [id](const auto& entry) {
      const auto* watched = std::get_if<Watched>(&entry.second);
      return watched && watched->id == id;
    });
    if (removed == 0) continue;
    series_count_ -= removed;
    if (family->second.series.empty()) families_.erase(family);
    return;
  }
}

size_t Registry::series_count() const {
  std::lock_guard lock(mutex_);
  return series_count_;
}

void Registry::write_series(const std::string& name, const std::string& labels,
                            const Series& series, std::string& out) {
  if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&series))
    return write_sample(name, labels, "", std::to_string((*counter)->value()), out);
  if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&series))
    return write_sample(name, labels, "", number_text((*gauge)->value()), out);
  if (const auto* distribution = std::get_if<std::unique_ptr<Distribution>>(&series))
    return write_histogram(name, labels, (*distribution)->histogram.snapshot(),
                           (*distribution)->text, out);
  try {
    write_watched(name, labels, std::get<Watched>(series), out);
  } catch (...) {  // a host's callback must not cost the other metrics their page
  }
}

// Throws what the callback throws, before it writes anything.
void Registry::write_watched(const std::string& name, const std::string& labels,
                             const Watched& watched, std::string& out) {
  if (const auto* count = std::get_if<std::function<uint64_t()>>(&watched.read)) {
    write_sample(name, labels, "", std::to_string((*count)()), out);
  } else if (const auto* level = std::get_if<std::function<double()>>(&watched.read)) {
    write_sample(name, labels, "", number_text((*level)()), out);
  } else {
    const HistogramSnapshot snapshot = std::get<2>(watched.read)();
    write_histogram(name, labels, snapshot, watched.text, out);
  }
}

std::string Registry::prometheus_text() const {
  std::lock_guard lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += "# HELP " + name + ' ' + escape_help(family.help) + "\n# TYPE " + name + ' ' +
           std::string(kTypeNames[size_t(family.type)]) + '\n';
    for (const auto& [labels, series] : family.series) write_series(name, labels, series, out);
  }
  return out;
}

}  // namespace llmos::observe
