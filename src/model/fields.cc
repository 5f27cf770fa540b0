// SPDX-License-Identifier: Apache-2.0
#include "model/fields.h"

#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

const Json kNothing;

}  // namespace

// Not JsonCursor's own step: GGUF's keys have dots in them, which it would put into quotes.
JsonCursor Fields::at(std::string_view key) const {
  const Json* const found = json_->find(key);
  return JsonCursor(found ? *found : kNothing, (Text() << path_ << '.' << key).str());
}

bool Fields::is_list(std::string_view key) const {
  const Json* const found = json_->find(key);
  return found && found->is_array();
}

Fields Fields::inner(std::string_view key) const {
  const Json* const found = json_->find(key);
  return Fields(found ? *found : kNothing, (Text() << path_ << '.' << key).str());
}

template <class T>
T Fields::take(Result<T> result) {
  if (result.ok()) return *std::move(result);
  fail(result.status());
  return T{};
}

uint32_t Fields::natural(std::string_view key, uint32_t most) {
  return uint32_t(take(at(key).integer(1, most)));
}

uint32_t Fields::natural_or(std::string_view key, uint32_t most, uint32_t otherwise) {
  return uint32_t(take(at(key).integer_or(otherwise, 0, most)));
}

double Fields::number(std::string_view key) { return take(at(key).number()); }

double Fields::number_or(std::string_view key, double otherwise) {
  return take(at(key).number_or(otherwise));
}

bool Fields::boolean_or(std::string_view key, bool otherwise) {
  return take(at(key).boolean_or(otherwise));
}

std::string Fields::string_or(std::string_view key, std::string_view otherwise) {
  return std::string(take(at(key).string_or(otherwise)));
}

std::vector<double> Fields::numbers(std::string_view key, size_t most) {
  std::vector<double> result;
  if (!has(key)) return result;
  const std::span<const Json> items = take(at(key).items());
  expect(items.size() <= most, key, (Text() << "at most " << most << " values").str());
  for (size_t i = 0; i < items.size() && ok(); ++i) {
    const auto boolean = items[i].if_bool();
    const auto value = boolean ? std::optional<double>(*boolean) : items[i].if_double();
    expect(value.has_value(), key, "numbers only");
    result.push_back(value.value_or(0));
  }
  return result;
}

std::vector<std::string> Fields::strings(std::string_view key, size_t most) {
  std::vector<std::string> result;
  if (!has(key)) return result;
  const std::span<const Json> items = take(at(key).items());
  expect(items.size() <= most, key, (Text() << "at most " << most << " values").str());
  for (size_t i = 0; i < items.size() && ok(); ++i) {
    const std::string* const value = items[i].if_string();
    expect(value != nullptr, key, "strings only");
    if (value) result.push_back(*value);
  }
  return result;
}

void Fields::expect(bool holds, std::string_view key, std::string_view expected) {
  if (!holds && ok()) fail(at(key).error(expected));
}

void Fields::fail(Status status) {
  if (ok()) status_ = std::move(status);
}

}  // namespace llmos
