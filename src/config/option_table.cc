// SPDX-License-Identifier: Apache-2.0
#include "config/option_table.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace llmos::config {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

std::string lowered(std::string_view text) {
  std::string out(text.substr(0, kNameBytesMax));
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_name(std::string_view name) {
  const bool shaped = !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
                      name.back() != '.' && name.find("..") == name.npos;
  return shaped && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == name.npos;
}

// Levenshtein's edit distance; both texts have at most kNameBytesMax bytes.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::array<size_t, kNameBytesMax + 1> row;
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// A third of the letters wrong is still a slip; beyond that a suggestion is a guess.
size_t slip_max(std::string_view word) { return std::max<size_t>(1, word.size() / 3); }

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

std::string variable_name(std::string_view option_name) {
  std::string out(kVariablePrefix);
  for (const char c : option_name)
    out += c == '.' ? '_' : c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
  return out;
}

OptionTable::OptionTable(std::vector<Option> rows, const void* root, const void* defaults)
    : rows_(std::move(rows)), root_(root) {
  for (const Option& row : rows_) {
    LLMOS_CHECK(row.root == root) << row.name << " is bound to another struct";
    defaults_.push_back(row.load(defaults));
    variables_.push_back(variable_name(row.name));
  }
  check(defaults);
}

void OptionTable::check(const void* defaults) const {
  for (size_t i = 0; i < rows_.size(); ++i) {
    LLMOS_CHECK(is_name(rows_[i].name)) << quoted(rows_[i].name) << " is not an option's name";
    const Status status = check_range(rows_[i], defaults_[i]);
    LLMOS_CHECK(status.ok()) << "default of " << rows_[i].name << " is " << status.message();
    for (size_t j = 0; j < i; ++j) {
      LLMOS_CHECK(variables_[i] != variables_[j])
          << rows_[i].name << " and " << rows_[j].name << " share a name";
      LLMOS_CHECK(rows_[i].field(defaults) != rows_[j].field(defaults))
          << rows_[i].name << " and " << rows_[j].name << " share a field";
    }
  }
}

std::optional<size_t> OptionTable::find(std::string_view name) const {
  for (size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].name == name) return i;
  return std::nullopt;
}

std::optional<size_t> OptionTable::find_variable(std::string_view variable) const {
  for (size_t i = 0; i < variables_.size(); ++i)
    if (variables_[i] == variable) return i;
  return std::nullopt;
}

bool OptionTable::is_section(std::string_view name) const {
  return std::any_of(rows_.begin(), rows_.end(), [name](const Option& row) {
    return row.name.size() > name.size() && row.name.starts_with(name) &&
           row.name[name.size()] == '.';
  });
}

std::string OptionTable::nearest(std::string_view name) const {
  const std::string wanted = lowered(name);
  std::string_view best;
  size_t best_distance = slip_max(wanted) + 1;
  for (const Option& row : rows_) {
    // A forgotten section is the commonest slip: "bytes_max" for "memory.bytes_max".
    const size_t distance =
        std::min(edit_distance(wanted, row.name), edit_distance(wanted, last_part(row.name)) + 1);
    if (distance < best_distance) {
      best_distance = distance;
      best = row.name;
    }
  }
  return std::string(best);
}

std::string OptionTable::nearest_variable(std::string_view variable) const {
  const std::string wanted = lowered(variable);
  std::string best;
  size_t best_distance = slip_max(wanted) + 1;
  for (const std::string& candidate : variables_) {
    const size_t distance = edit_distance(wanted, lowered(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace llmos::config
