// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <limits>
#include <utility>

#include "base/check.h"
#include "base/json_object.h"

namespace llmos {

Json::Json() noexcept = default;
Json::Json(Bool value) noexcept : value_(value.value) {}
Json::Json(Integer value) noexcept {
  if (value.negative || value.bits <= uint64_t(std::numeric_limits<int64_t>::max())) {
    value_ = int64_t(value.bits);
  } else {
    value_ = value.bits;
  }
}
Json::Json(double value) noexcept : value_(value) {}
Json::Json(std::string text) noexcept : value_(std::move(text)) {}

Json Json::array() {
  Json json;
  json.value_.emplace<Array>();
  return json;
}

Json Json::object() {
  Json json;
  json.value_ = std::make_unique<Object>();
  return json;
}

Json::Json(Json&& other) noexcept : value_(std::exchange(other.value_, std::monostate())) {}

Json& Json::operator=(Json&& other) noexcept {
  // The old value dies last: `other` may be inside it.
  Json old(std::move(*this));
  value_ = std::exchange(other.value_, std::monostate());
  return *this;
}

Json::Json(const Json& other) {
  struct Copy {
    const Json* from;
    Json* to;
  };
  std::vector<Copy> pending{{&other, this}};
  while (!pending.empty()) {
    const Copy next = pending.back();
    const Json* const from = next.from;
    Json* const to = next.to;
    pending.pop_back();
    if (const auto* array = std::get_if<Array>(&from->value_)) {
      auto& items = to->value_.emplace<Array>(array->size());
      for (size_t i = 0; i < items.size(); ++i) pending.push_back({&(*array)[i], &items[i]});
    } else if (const auto* object = std::get_if<std::unique_ptr<Object>>(&from->value_)) {
      auto& copy = to->value_.emplace<std::unique_ptr<Object>>(std::make_unique<Object>());
      copy->by_key = (*object)->by_key;
      copy->members.resize((*object)->members.size());
      for (size_t i = 0; i < copy->members.size(); ++i) {
        copy->members[i].key = (*object)->members[i].key;
        pending.push_back({&(*object)->members[i].value, &copy->members[i].value});
      }
    } else {
      std::visit(
          [to]<class T>(const T& scalar) {
            if constexpr (!std::same_as<T, Array> && !std::same_as<T, std::unique_ptr<Object>>) {
              to->value_ = scalar;
            }
          },
          from->value_);
    }
  }
}

Json& Json::operator=(const Json& other) { return *this = Json(other); }

Json::~Json() {
  if (child_count() > 0) destroy_children();
}

size_t Json::child_count() const noexcept {
  if (const auto* array = std::get_if<Array>(&value_)) return array->size();
  const auto* object = std::get_if<std::unique_ptr<Object>>(&value_);
  return object ? (*object)->members.size() : 0;
}

Json& Json::child(size_t index) noexcept {
  if (auto* array = std::get_if<Array>(&value_)) return (*array)[index];
  return (*std::get_if<std::unique_ptr<Object>>(&value_))->members[index].value;
}

void Json::pop_back_child() noexcept {
  if (auto* array = std::get_if<Array>(&value_)) {
    array->pop_back();
  } else {
    (*std::get_if<std::unique_ptr<Object>>(&value_))->members.pop_back();
  }
}

// Takes the tree apart without recursion (a hostile depth would overflow the stack) and without
// memory (a destructor may not fail): while we are inside a container, its child 0 holds the way
// back, the container above it. Every value is moved a bounded number of times.
void Json::destroy_children() noexcept {
  Json above;                    // the container we are inside; null at the root
  Json next = std::move(*this);  // what to take apart now
  for (;;) {
    while (next.child_count() > 0) {  // enter it, and go on with what was its child 0
      std::swap(next.child(0).value_, above.value_);
      std::swap(next.value_, above.value_);
    }
    // `next` is a leaf and dies here, when it is overwritten.
    while (above.child_count() == 1) {  // only the way back is left
      auto up = std::exchange(above.child(0).value_, std::monostate());
      above.pop_back_child();
      above.value_ = std::move(up);
    }
    if (above.child_count() == 0) return;
    next.value_ = std::exchange(above.child(above.child_count() - 1).value_, std::monostate());
    above.pop_back_child();
  }
}

const char* Json::kind_name() const noexcept {
  switch (kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "boolean";
    case Kind::kInt:
    case Kind::kUint:
      return "integer";
    case Kind::kDouble:
      return "number";
    case Kind::kString:
      return "string";
    case Kind::kArray:
      return "array";
    case Kind::kObject:
      break;
  }
  return "object";
}

std::optional<bool> Json::if_bool() const noexcept {
  const bool* value = std::get_if<bool>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<int64_t> Json::if_int64() const noexcept {
  const int64_t* value = std::get_if<int64_t>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<uint64_t> Json::if_uint64() const noexcept {
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return *value;
  const int64_t* value = std::get_if<int64_t>(&value_);
  return value && *value >= 0 ? std::optional(uint64_t(*value)) : std::nullopt;
}

std::optional<double> Json::if_double() const noexcept {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return double(*value);
  const int64_t* value = std::get_if<int64_t>(&value_);
  return value ? std::optional(double(*value)) : std::nullopt;
}

const std::string* Json::if_string() const noexcept { return std::get_if<std::string>(&value_); }

std::span<const Json> Json::items() const noexcept {
  const auto* array = std::get_if<Array>(&value_);
  return array ? std::span<const Json>(*array) : std::span<const Json>();
}

std::span<const JsonMember> Json::members() const noexcept {
  const auto* object = std::get_if<std::unique_ptr<Object>>(&value_);
  return object ? std::span<const JsonMember>((*object)->members) : std::span<const JsonMember>();
}

const Json* Json::find(std::string_view key) const noexcept {
  const auto* object = std::get_if<std::unique_ptr<Object>>(&value_);
  const JsonMember* member = object ? (*object)->find(key) : nullptr;
  return member ? &member->value : nullptr;
}

Json& Json::push_back(Json value) {
  if (is_null()) value_.emplace<Array>();
  LLMOS_CHECK(is_array()) << "push_back to a JSON " << kind_name();
  return std::get_if<Array>(&value_)->emplace_back(std::move(value));
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = std::make_unique<Object>();
  LLMOS_CHECK(is_object()) << "set \"" << key << "\" of a JSON " << kind_name();
  Object& object = **std::get_if<std::unique_ptr<Object>>(&value_);
  if (const JsonMember* member = object.find(key)) {
    Json& place = object.members[size_t(member - object.members.data())].value;
    return place = std::move(value);
  }
  return object.add(std::move(key), std::move(value));
}

bool operator==(const Json& a, const Json& b) {
  struct Pair {
    const Json* a;
    const Json* b;
  };
  std::vector<Pair> pending{{&a, &b}};
  while (!pending.empty()) {
    const Json* const left = pending.back().a;
    const Json* const right = pending.back().b;
    pending.pop_back();
    if (left->kind() != right->kind() || left->child_count() != right->child_count()) return false;
    if (left->is_array()) {
      for (size_t i = 0; i < left->items().size(); ++i) {
        pending.push_back({&left->items()[i], &right->items()[i]});
      }
    } else if (left->is_object()) {
      for (const auto& [key, value] : left->members()) {
        const Json* other = right->find(key);
        if (!other) return false;
        pending.push_back({&value, other});
      }
    } else if (!(left->value_ == right->value_)) {
      return false;
    }
  }
  return true;
}

}  // namespace llmos
