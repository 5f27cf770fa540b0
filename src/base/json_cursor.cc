// SPDX-License-Identifier: Apache-2.0
#include "base/json_cursor.h"

#include <algorithm>

#include "base/text.h"

namespace llmos {

namespace {

constexpr size_t kShownBytes = 64;  // of a key or string in a message

// `.key` where that reads well, else `["strange key"]`.
std::string step(std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!key.empty() && key.size() <= kShownBytes && std::all_of(key.begin(), key.end(), plain)) {
    return "." + std::string(key);
  }
  return "[" + Json(key.substr(0, kShownBytes)).dump() + "]";
}

std::string a_kind(const Json& json) {
  const std::string_view kind = json.kind_name();
  if (kind == "null") return "null";
  return (Text() << (std::string_view("aio").find(kind.front()) == kind.npos ? "a " : "an ")
                 << kind)
      .str();
}

// What to show of a value that has the right type and is still wrong.
std::string shown(const Json& json) {
  if (json.is_array() || json.is_object()) return a_kind(json);
  const std::string* text = json.if_string();
  return text ? Json(std::string_view(*text).substr(0, kShownBytes)).dump() : json.dump();
}

}  // namespace

JsonCursor JsonCursor::operator[](std::string_view key) const {
  std::string path = path_ + step(key);
  if (!error_.empty() || !present()) return {nullptr, std::move(path), error_};
  if (!json_->is_object()) {
    return {nullptr, std::move(path),
            (Text() << path_ << ": expected an object, found " << a_kind(*json_)).str()};
  }
  return {json_->find(key), std::move(path), {}};
}

JsonCursor JsonCursor::operator[](size_t index) const {
  std::string path = (Text() << path_ << '[' << index << ']').str();
  if (!error_.empty() || !present()) return {nullptr, std::move(path), error_};
  if (!json_->is_array()) {
    return {nullptr, std::move(path),
            (Text() << path_ << ": expected an array, found " << a_kind(*json_)).str()};
  }
  const auto items = json_->items();
  return {index < items.size() ? &items[index] : nullptr, std::move(path), {}};
}

Status JsonCursor::error(std::string_view expected) const {
  if (!error_.empty()) return Status(Code::kInvalid, error_);
  Text message;
  message << path_ << ": expected " << expected << ", found ";
  if (!present()) return Status(Code::kNotFound, (message << "nothing").str());
  return Status(Code::kInvalid, (message << shown(*json_)).str());
}

Status JsonCursor::wrong_type(std::string_view expected) const {
  if (!error_.empty() || !present()) return error(expected);
  return Status(
      Code::kInvalid,
      (Text() << path_ << ": expected " << expected << ", found " << a_kind(*json_)).str());
}

Result<bool> JsonCursor::boolean() const {
  const auto value = present() ? json_->if_bool() : std::nullopt;
  return value ? Result<bool>(*value) : wrong_type("a boolean");
}

Result<int64_t> JsonCursor::integer(int64_t least, int64_t most) const {
  const auto kind = present() ? json_->kind() : Json::Kind::kNull;
  if (kind != Json::Kind::kInt && kind != Json::Kind::kUint) return wrong_type("an integer");
  const auto value = json_->if_int64();
  if (value && *value >= least && *value <= most) return *value;
  return error((Text() << "an integer from " << least << " to " << most).str());
}

Result<uint64_t> JsonCursor::natural(uint64_t most) const {
  const auto kind = present() ? json_->kind() : Json::Kind::kNull;
  if (kind != Json::Kind::kInt && kind != Json::Kind::kUint) return wrong_type("an integer");
  const auto value = json_->if_uint64();
  if (value && *value <= most) return *value;
  return error((Text() << "an integer from 0 to " << most).str());
}

Result<double> JsonCursor::number() const {
  const auto value = present() ? json_->if_double() : std::nullopt;
  return value ? Result<double>(*value) : wrong_type("a number");
}

Result<std::string_view> JsonCursor::string() const {
  const std::string* value = present() ? json_->if_string() : nullptr;
  return value ? Result<std::string_view>(*value) : wrong_type("a string");
}

Result<std::span<const Json>> JsonCursor::items() const {
  if (!present() || !json_->is_array()) return wrong_type("an array");
  return json_->items();
}

Result<std::span<const JsonMember>> JsonCursor::members() const {
  if (!present() || !json_->is_object()) return wrong_type("an object");
  return json_->members();
}

Result<bool> JsonCursor::boolean_or(bool otherwise) const {
  return absent() ? Result<bool>(otherwise) : boolean();
}

Result<int64_t> JsonCursor::integer_or(int64_t otherwise, int64_t least, int64_t most) const {
  return absent() ? Result<int64_t>(otherwise) : integer(least, most);
}

Result<uint64_t> JsonCursor::natural_or(uint64_t otherwise, uint64_t most) const {
  return absent() ? Result<uint64_t>(otherwise) : natural(most);
}

Result<double> JsonCursor::number_or(double otherwise) const {
  return absent() ? Result<double>(otherwise) : number();
}

Result<std::string_view> JsonCursor::string_or(std::string_view otherwise) const {
  return absent() ? Result<std::string_view>(otherwise) : string();
}

}  // namespace llmos
