// SPDX-License-Identifier: Apache-2.0
// A strict reader of Prometheus's text exposition format 0.0.4, written from its specification and
// not from our writer. It refuses more than a scraper does: every family needs HELP and TYPE before
// its samples, families and series occur once, and histograms must be cumulative and complete.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace llmos::test {

struct PrometheusSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value;
};

struct PrometheusFamily {
  std::string type;
  std::string help;
  std::vector<PrometheusSample> samples;
};

class PrometheusPage {
 public:
  // Throws std::runtime_error with the line that is wrong.
  explicit PrometheusPage(const std::string& text) {
    if (!text.empty() && text.back() != '\n') throw std::runtime_error("no line feed at the end");
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      line_ = text.substr(at, end - at);
      at = end + 1;
      position_ = 0;
      line_.starts_with("#") ? read_comment() : read_sample();
    }
    for (const auto& [name, family] : families_)
      if (family.type == "histogram") check_histogram(name, family);
  }

  const std::map<std::string, PrometheusFamily>& families() const { return families_; }

  // The value of the only sample of this name and these labels.
  std::optional<double> value(const std::string& name,
                              const std::map<std::string, std::string>& labels = {}) const {
    for (const auto& [family_name, family] : families_)
      for (const PrometheusSample& sample : family.samples)
        if (sample.name == name && sample.labels == labels) return sample.value;
    return std::nullopt;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::runtime_error(why + ": " + line_);
  }
  char peek() const { return position_ < line_.size() ? line_[position_] : '\0'; }
  char take() {
    if (position_ == line_.size()) fail("line ends early");
    return line_[position_++];
  }
  void expect(const std::string& text) {
    for (const char c : text)
      if (take() != c) fail("expected '" + text + "'");
  }
  std::string word(bool colons) {
    std::string out;
    for (;; out += take()) {
      const char c = peek();
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
      if (!letter && !(c == ':' && colons) && !(c >= '0' && c <= '9' && !out.empty())) break;
    }
    if (out.empty()) fail("expected a name");
    return out;
  }
  std::string unescape(std::string_view text, bool quotes) const {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      if (++i == text.size()) fail("lone backslash");
      if (text[i] == 'n')
        out += '\n';
      else if (text[i] == '\\' || (text[i] == '"' && quotes))
        out += text[i];
      else
        fail("unknown escape");
    }
    return out;
  }

  void read_comment() {
    expect("# ");
    const std::string what = word(false);
    expect(" ");
    const std::string name = word(true);
    expect(" ");
    const std::string rest = line_.substr(position_);
    if (what == "HELP") {
      if (families_.contains(name)) fail("second HELP");
      families_[name].help = unescape(rest, false);
    } else if (what == "TYPE") {
      if (name != family_after_help()) fail("TYPE without its HELP before it");
      if (rest != "counter" && rest != "gauge" && rest != "histogram") fail("unknown type");
      families_[name].type = rest;
      current_ = name;
    } else {
      fail("unknown comment");
    }
    last_comment_ = name;
  }
  std::string family_after_help() const { return last_comment_; }

  void read_sample() {
    PrometheusSample sample;
    sample.name = word(true);
    if (peek() == '{') read_labels(sample);
    expect(" ");
    sample.value = number(line_.substr(position_));
    PrometheusFamily& family = families_[current_];
    const bool histogram = family.type == "histogram";
    const bool fits = histogram ? sample.name == current_ + "_bucket" ||
                                      sample.name == current_ + "_sum" ||
                                      sample.name == current_ + "_count"
                                : sample.name == current_;
    if (!fits) fail("sample outside of its family");
    if (family.type == "counter" && !(sample.value >= 0)) fail("negative counter");
    for (const PrometheusSample& other : family.samples)
      if (other.name == sample.name && other.labels == sample.labels) fail("series twice");
    family.samples.push_back(std::move(sample));
  }

  void read_labels(PrometheusSample& sample) {
    expect("{");
    for (;;) {
      const std::string name = word(false);
      expect("=\"");
      const size_t start = position_;
      for (char c = take(); c != '"'; c = take())
        if (c == '\\') take();
      const std::string value =
          unescape(std::string_view(line_).substr(start, position_ - 1 - start), true);
      if (!sample.labels.emplace(name, value).second) fail("label twice");
      const char next = take();
      if (next == '}') return;
      if (next != ',') fail("expected , or }");
    }
  }

  double number(const std::string& text) const {
    if (text == "+Inf") return HUGE_VAL;
    if (text == "-Inf") return -HUGE_VAL;
    if (text == "NaN") return std::nan("");
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end || text.find_first_not_of("0123456789.+-e") != text.npos)
      fail("not a number");
    return value;
  }

  // Per label set: bounds rise, counts never fall, +Inf is last and equals _count, _sum is there.
  void check_histogram(const std::string& name, const PrometheusFamily& family) {
    struct State {
      double bound = -HUGE_VAL, count = 0;
      bool sum = false, total = false;
    };
    std::map<std::map<std::string, std::string>, State> states;
    for (const PrometheusSample& sample : family.samples) {
      auto labels = sample.labels;
      labels.erase("le");
      State& state = states[labels];
      line_ = sample.name;
      if (sample.name == name + "_bucket") {
        if (!sample.labels.contains("le")) fail("bucket without le");
        const double bound = number(sample.labels.at("le"));
        if (!(bound > state.bound) || sample.value < state.count) fail("buckets out of order");
        state.bound = bound;
        state.count = sample.value;
      } else if (sample.name == name + "_sum") {
        state.sum = true;
      } else {
        state.total = true;
        if (state.bound != HUGE_VAL || sample.value != state.count) fail("+Inf is not _count");
      }
    }
    for (const auto& [labels, state] : states)
      if (!state.sum || !state.total) throw std::runtime_error("incomplete histogram " + name);
  }

  std::map<std::string, PrometheusFamily> families_;
  std::string line_, current_, last_comment_;
  size_t position_ = 0;
};

}  // namespace llmos::test
