// SPDX-License-Identifier: Apache-2.0
#include "json_fields.h"

#include <algorithm>
#include <utility>

namespace server {
namespace {

using nlohmann::json;

constexpr size_t kShownBytesMax = 60;

[[noreturn]] void fail(const std::string& message, std::string field = {}) {
  ApiError error;
  error.message = message;
  error.param = std::move(field);
  throw error;
}

// Bounds memory and depth before anything is built. Brackets and commas inside of strings do not
// count.
void check_size(std::string_view body) {
  int depth = 0;
  size_t values = 1;
  bool in_string = false;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    values += c == '[' || c == '{' || c == ',';
    if (depth > kJsonDepthMax) {
      fail("body: expected at most " + std::to_string(kJsonDepthMax) + " nested values");
    }
    if (values > kJsonValuesMax) {
      fail("body: expected at most " + std::to_string(kJsonValuesMax) + " values");
    }
  }
}

// A word about a value that fits into a message.
std::string shown(const json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kShownBytesMax) text = text.substr(0, kShownBytesMax) + "...";
  return text;
}

std::string number_text(double value) {
  const json number = value == double(int64_t(value)) ? json(int64_t(value)) : json(value);
  return number.dump();
}

}  // namespace

void refuse(const std::string& field, const std::string& expected, const json& found) {
  fail(field + ": expected " + expected + ", found " + shown(found), field);
}

void refuse_unsupported(const std::string& field) {
  fail(field + ": this server does not support the field (or this value of it); leave it out",
       field);
}

json parse_object(std::string_view body) {
  check_size(body);
  json value;
  try {
    value = json::parse(body);
  } catch (const json::exception& error) {
    std::string what = error.what();
    std::replace_if(
        what.begin(), what.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
    constexpr size_t kWhatBytesMax = 200;
    fail("body: expected JSON: " + what.substr(0, kWhatBytesMax));
  }
  if (!value.is_object()) fail("body: expected a JSON object, found " + shown(value));
  return value;
}

Fields::Fields(const json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object.is_object()) {
    const std::string name = path_.substr(0, path_.empty() ? 0 : path_.size() - 1);
    refuse(name.empty() ? "body" : name, "an object", object);
  }
}

const json* Fields::take(const char* name) {
  taken_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Fields::boolean(const char* name, bool otherwise) {
  const json* value = take(name);
  if (!value) return otherwise;
  if (!value->is_boolean()) refuse(path(name), "true or false", *value);
  return value->get<bool>();
}

double Fields::number(const char* name, double otherwise, double least, double most) {
  const json* value = take(name);
  if (!value) return otherwise;
  const double number = value->is_number() ? value->get<double>() : least - 1;
  if (!(number >= least && number <= most)) {
    refuse(path(name), "a number from " + number_text(least) + " to " + number_text(most), *value);
  }
  return number;
}

uint64_t Fields::natural(const char* name, uint64_t otherwise, uint64_t least, uint64_t most) {
  const json* value = take(name);
  if (!value) return otherwise;
  const bool fits = value->is_number_unsigned() && value->get<uint64_t>() >= least &&
                    value->get<uint64_t>() <= most;
  if (!fits) {
    refuse(path(name), "an integer from " + std::to_string(least) + " to " + std::to_string(most),
           *value);
  }
  return value->get<uint64_t>();
}

std::string Fields::text(const char* name, std::string otherwise) {
  const json* value = take(name);
  if (!value) return otherwise;
  if (!value->is_string()) refuse(path(name), "a string", *value);
  return value->get<std::string>();
}

void Fields::expect(const char* name, const json& only) {
  const json* value = take(name);
  if (value && *value != only) refuse_unsupported(path(name));
}

void Fields::finish() const {
  for (const auto& [name, value] : object_.items()) {
    if (taken_.find(name) != taken_.end() || value.is_null()) continue;
    std::string shown_name;
    for (const char c : name.substr(0, kShownBytesMax))
      shown_name += c < 0x20 || c > 0x7E ? '?' : c;
    refuse_unsupported(path_ + shown_name);
  }
}

}  // namespace server
