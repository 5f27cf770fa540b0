// SPDX-License-Identifier: Apache-2.0
// All options of one root struct: the single place that parsing, checking and documents read.
#pragma once

#include "base/check.h"
#include "config/option.h"

namespace llmos::config {

// Immutable after construction; every method is const and thread-safe.
//
// Invariants, CHECKed at construction:
//   (1) names are lower case words with dots, unique, and unique as variable names too
//   (2) every row is bound to the root type, and no field is bound twice
//   (3) every default lies within its own range
class OptionTable {
 public:
  template <class Root>
  static OptionTable of(std::vector<Option> rows) {
    const Root defaults{};
    return OptionTable(std::move(rows), &root_id<Root>, &defaults);
  }

  std::span<const Option> rows() const { return rows_; }
  const Value& default_of(size_t index) const { return defaults_[index]; }
  template <class Root>
  bool is_for() const {
    return root_ == &root_id<Root>;
  }

  // The row's index, or nullopt.
  std::optional<size_t> find(std::string_view name) const;
  std::optional<size_t> find_variable(std::string_view variable) const;
  // "memory" is a section when there is an option "memory.bytes_max".
  bool is_section(std::string_view name) const;

  // The option most alike, for "did you mean"; empty when none is close. O(rows) on the first
  // kNameBytesMax bytes of `name`, whatever its length.
  std::string nearest(std::string_view name) const;
  std::string nearest_variable(std::string_view variable) const;

 private:
  OptionTable(std::vector<Option> rows, const void* root, const void* defaults);
  void check(const void* defaults) const;

  std::vector<Option> rows_;
  std::vector<Value> defaults_;
  std::vector<std::string> variables_;
  const void* root_;
};

inline constexpr std::string_view kVariablePrefix = "LLMOS_";

// "memory.bytes_max" -> "LLMOS_MEMORY_BYTES_MAX".
std::string variable_name(std::string_view option_name);

}  // namespace llmos::config
