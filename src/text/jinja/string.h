// SPDX-License-Identifier: Apache-2.0
// What Python's string methods do, on plain text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

enum class Side : uint8_t { kLeft, kRight, kBoth };

// Without the characters of the string `characters` at the ends; kMissing or none: without space.
std::string_view strip_characters(Heap& heap, std::string_view text, const Value& characters,
                                  Side side);
// The first `count` occurrences; below 0: all.
std::string replaced(Heap& heap, std::string_view text, std::string_view old, std::string_view with,
                     Int count);
std::vector<std::string_view> split_lines(Heap& heap, std::string_view text, bool keep_ends);
// The filler goes to that side of the text.
std::string padded(Heap& heap, std::string_view text, Int width, std::string_view filler,
                   Side side);
// At runs of whitespace, at most `count` times, below 0: everywhere.
std::vector<std::string_view> split_space(Heap& heap, std::string_view text, Int count,
                                          bool from_right);
std::vector<std::string_view> split_at(Heap& heap, std::string_view text,
                                       std::string_view separator, Int count, bool from_right);

}  // namespace llmos::jinja
