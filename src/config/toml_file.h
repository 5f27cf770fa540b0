// SPDX-License-Identifier: Apache-2.0
// A TOML document as a flat list of keys with their lines. toml++ stands behind this header; it is
// included by toml_file.cc only.
//
// Failure  Hostile text ends in an error that names the line, in time linear in its size. Bounds
//          are checked before the parser sees the text: kFileBytesMax, and kDotsMax because every
//          dot in a key can nest one table deeper and the parser destroys tables recursively.
#pragma once

#include "config/value.h"

namespace llmos::config {

// A hand-written file has a few KiB; this leaves room for very long comments.
inline constexpr size_t kFileBytesMax = size_t{1} << 20;
// Outside of comment lines. A file that sets every option has about one per option.
inline constexpr size_t kDotsMax = 1024;
// Parts of one key. Options have two; deeper keys are reported by their first parts.
inline constexpr size_t kKeyPartsMax = 8;

struct TomlOther {  // a value that no option takes: a date, a table, a list of strings
  std::string found;
};

using TomlValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, TomlOther>;

struct TomlEntry {
  std::string key;  // "memory.bytes_max"; parts that are no bare keys stay quoted
  uint32_t line;    // from 1
  TomlValue value;
  bool is_table;  // an empty table: only its name can be wrong
};

// The document's leaves in no particular order; a syntax error is one Status, "12: ..." with its
// line in front of it.
Result<std::vector<TomlEntry>> parse_toml(std::string_view text);

// The value as `kind`, or why not.
Result<Value> convert_toml(Kind kind, const TomlValue& value,
                           std::span<const std::string_view> names);

}  // namespace llmos::config
