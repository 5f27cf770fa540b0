// SPDX-License-Identifier: Apache-2.0
// Values of options and their text forms. Pure functions on values; thread-safe.
//
// Words    A *kind* is what a user writes: 512MiB and 250ms are kinds of their own although both
//          are integers to the program. Each kind has one canonical alternative of Value:
//            kBool bool · kInteger int64 · kUnsigned, kBytes uint64 · kDuration int64 nanoseconds
//            kDouble double · kEnum uint64 (index into the names) · kString string
//            kIntegers vector<int64>
// Failure  Text that is no value of its kind is an error that says what was expected and found.
//          Messages quote at most kQuotedBytesMax bytes, so that hostile input stays readable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/text.h"
#include "llmos/status.h"

namespace llmos::config {

enum class Kind : uint8_t {
  kBool,
  kInteger,
  kUnsigned,
  kBytes,
  kDuration,
  kDouble,
  kEnum,
  kString,
  kIntegers
};

using Value = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<int64_t>>;

// Longest text of one value, from any source: a path (PATH_MAX) or a long list fits.
inline constexpr size_t kValueBytesMax = 4096;
// Most elements of a list: more than the devices and ranks of any one machine.
inline constexpr size_t kListCountMax = 1024;
// Half a line of an error message.
inline constexpr size_t kQuotedBytesMax = 48;
// No option's name is longer.
inline constexpr size_t kNameBytesMax = 64;

// "whole number", "size in bytes such as 512MiB", ...: for messages and documents.
std::string_view kind_text(Kind kind) noexcept;

// Reads what a user wrote in a variable or behind a flag. `names` are the words of a kEnum.
Result<Value> parse_value(Kind kind, std::string_view text,
                          std::span<const std::string_view> names = {});
Result<uint64_t> parse_bytes(std::string_view text);       // 1048576, 512MiB, 2GB, "2 GB"
Result<int64_t> parse_duration_ns(std::string_view text);  // 250ms, 10s, 0

// The shortest text that parse_value() reads back as the same value.
std::string format_value(Kind kind, const Value& value,
                         std::span<const std::string_view> names = {});

// printable() (base/text.h) between quotes, cut after kQuotedBytesMax bytes.
std::string quoted(std::string_view text);

}  // namespace llmos::config
