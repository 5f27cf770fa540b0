// SPDX-License-Identifier: Apache-2.0
#include "observe/exposition.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace llmos::observe {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Escapes `\`, line feeds and, in label values, quotes. Bytes that are no UTF-8 would make a
// scraper refuse the whole page.
std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = utf8_character_bytes(text.substr(i));
    const char c = text[i];
    if (bytes == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || (c == '"' && quotes)) out += '\\';
      out += text.substr(i, bytes);
    }
    i += std::max<size_t>(bytes, 1);
  }
  return out;
}

Status refuse_label(std::string_view name, std::string_view why) {
  return Status(Code::kInvalid, (Text() << "label \"" << escape(name, true) << "\" " << why).str());
}

}  // namespace

bool is_metric_name(std::string_view name) {
  const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == ':'; };
  return !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), fits);
}

bool is_label_name(std::string_view name) {
  const auto fits = [](char c) { return is_letter(c) || is_digit(c); };
  return !name.empty() && !is_digit(name[0]) && !name.starts_with("__") &&
         std::all_of(name.begin(), name.end(), fits);
}

std::string escape_help(std::string_view text) { return escape(text, false); }
std::string escape_label_value(std::string_view text) { return escape(text, true); }

Result<std::string> label_text(Labels labels, bool le_is_taken) {
  std::sort(labels.begin(), labels.end());
  std::string out;
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto& [name, value] = labels[i];
    bytes += name.size() + value.size();
    if (bytes > Registry::kLabelBytesMax)
      return Status(Code::kInvalid, (Text() << "the labels of one series have more than "
                                            << Registry::kLabelBytesMax << " bytes")
                                        .str());
    if (!is_label_name(name)) return refuse_label(name, "is not [a-zA-Z_][a-zA-Z0-9_]*");
    if (i > 0 && labels[i - 1].first == name) return refuse_label(name, "is given twice");
    if (le_is_taken && name == "le") return refuse_label(name, "is a histogram's own");
    out += (i ? "," : "") + name + "=\"" + escape_label_value(value) + '"';
  }
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return (Text() << value).str();
}

void write_sample(std::string_view name, std::string_view labels, std::string_view extra,
                  std::string_view value, std::string& out) {
  out += name;
  if (!labels.empty() || !extra.empty()) {
    out += '{';
    out += labels;
    if (!labels.empty() && !extra.empty()) out += ',';
    out += extra;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

void write_histogram(std::string_view name, std::string_view labels,
                     const HistogramSnapshot& snapshot, const HistogramText& text,
                     std::string& out) {
  const std::string stem(name);
  for (int octave = text.octave_first; octave <= text.octave_last; ++octave) {
    const uint64_t bound = (uint64_t{1} << octave) - 1;
    write_sample(stem + "_bucket", labels, "le=\"" + number_text(double(bound) * text.scale) + '"',
                 std::to_string(snapshot.count_at_most(bound)), out);
  }
  const std::string count = std::to_string(snapshot.count());
  write_sample(stem + "_bucket", labels, "le=\"+Inf\"", count, out);
  write_sample(stem + "_sum", labels, "", number_text(double(snapshot.sum()) * text.scale), out);
  write_sample(stem + "_count", labels, "", count, out);
}

}  // namespace llmos::observe
