// SPDX-License-Identifier: Apache-2.0
// Pieces of Prometheus's text exposition format 0.0.4. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "observe/registry.h"

namespace llmos::observe {

bool is_metric_name(std::string_view name);  // [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_label_name(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*, not __...

std::string escape_help(std::string_view text);         // \ and line feed
std::string escape_label_value(std::string_view text);  // and "; what is no UTF-8 becomes U+FFFD

// `a="x",b="y"` sorted by name, or why the labels are refused.
Result<std::string> label_text(Labels labels, bool le_is_taken);

std::string number_text(double value);  // 0.5, NaN, +Inf, -Inf

// One line: name{labels,extra} value. `extra` may be empty, as may `labels`.
void write_sample(std::string_view name, std::string_view labels, std::string_view extra,
                  std::string_view value, std::string& out);
void write_histogram(std::string_view name, std::string_view labels,
                     const HistogramSnapshot& snapshot, const HistogramText& text,
                     std::string& out);

}  // namespace llmos::observe
