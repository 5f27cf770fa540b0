// SPDX-License-Identifier: Apache-2.0
// JSON values: read from hostile text within limits, built in code, written back.
//
//   Result<Json> config = parse_json(text);
//   if (const Json* vocab = config->find("vocab")) ...
//   Json reply = Json::object();
//   reply.set("id", 7);
//   out << reply.dump();
//
// Behind json.cc stands nlohmann-json's SAX parser, chosen for its strictness (RFC 8259, UTF-8, no
// extensions) and its age; its value type is not used, because it cannot bound depth or memory, has
// no order and reports errors by throwing. Fields of a known type are read through json_cursor.h.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "llmos/status.h"

namespace llmos {

struct JsonMember;

// One JSON value with everything below it.
//
// Numbers  Integers of 64 bits are exact: kInt holds all that fit int64, kUint only those above.
//          Other numbers are kDouble. 1 and 1.0 are different values, and dump() keeps them so.
// Objects  Members keep the order in which they were added; a key occurs once. find() is O(log n).
// Depth    No method recurses: a chain of a million arrays may be copied, compared and destroyed.
// Threads  As a std::string: reading from many, or writing from one.
// Failure  Asking for another type gives null, nullopt or an empty span. Adding to the wrong type
//          is a programmer error (CHECK).
class Json {
 public:
  enum class Kind : uint8_t { kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };

  Json() noexcept;  // null
  Json(std::nullptr_t) noexcept : Json() {}
  template <std::same_as<bool> T>
  Json(T value) noexcept : Json(Bool{value}) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Json(T value)
  noexcept : Json(Integer{uint64_t(value), std::is_signed_v<T> && value < T{}}) {}
  Json(double value) noexcept;  // JSON has no NaN or infinity: dump() writes them as null
  Json(std::string text) noexcept;
  Json(std::string_view text) : Json(std::string(text)) {}
  Json(const char* text) : Json(std::string(text)) {}
  static Json array();
  static Json object();

  Json(const Json& other);
  Json(Json&& other) noexcept;  // leaves null
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  Kind kind() const noexcept { return Kind(value_.index()); }
  // "null", "boolean", "integer", "number", "string", "array", "object".
  const char* kind_name() const noexcept;
  bool is_null() const noexcept { return kind() == Kind::kNull; }
  bool is_array() const noexcept { return kind() == Kind::kArray; }
  bool is_object() const noexcept { return kind() == Kind::kObject; }

  std::optional<bool> if_bool() const noexcept;
  std::optional<int64_t> if_int64() const noexcept;    // an integer that fits
  std::optional<uint64_t> if_uint64() const noexcept;  // an integer that fits
  std::optional<double> if_double() const noexcept;    // any number; rounded beyond 2^53
  const std::string* if_string() const noexcept;

  std::span<const Json> items() const noexcept;          // of an array
  std::span<const JsonMember> members() const noexcept;  // of an object
  const Json* find(std::string_view key) const noexcept;

  // To an array, or to null, which becomes one. Returns the value in its place.
  Json& push_back(Json value);
  // To an object, or to null, which becomes one: adds the member or replaces its value.
  Json& set(std::string key, Json value);

  // Compact, or with every element on its own line, `spaces` deeper than what holds it. Always
  // valid JSON and UTF-8: bytes of a string that are not UTF-8 become U+FFFD.
  std::string dump() const;
  std::string dump_indented(int spaces = 2) const;

  // Members compare in any order.
  friend bool operator==(const Json& a, const Json& b);

 private:
  friend class JsonBuilder;
  struct Object;
  struct Bool {
    bool value;
  };
  struct Integer {
    uint64_t bits;
    bool negative;
  };
  using Array = std::vector<Json>;

  explicit Json(Bool value) noexcept;
  explicit Json(Integer value) noexcept;

  size_t child_count() const noexcept;
  Json& child(size_t index) noexcept;
  void pop_back_child() noexcept;
  void destroy_children() noexcept;

  // In the order of Kind. The object behind a pointer keeps a value at 40 bytes.
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array,
               std::unique_ptr<Object>>
      value_;
};

struct JsonMember {
  std::string key;
  Json value;
};

// What a text may cost. A value takes 40 bytes plus its text (a member 32 more), and growing arrays
// up to twice that.
struct JsonLimits {
  // The largest files of the kind, tokenizers with 256 K words, have 33 MB and 2 M values.
  size_t bytes_max = size_t{64} << 20;
  size_t values_max = size_t{4} << 20;
  // Model configurations nest 6 deep, JSON schemas of real tools about 20.
  int depth_max = 64;
};

// The value of a whole text (RFC 8259; a leading byte-order mark is skipped).
// Failure: kCorrupt for what is not JSON, not UTF-8, a number beyond double, or has a duplicate
// key; kExhausted beyond a limit or out of memory. The message begins "line 3, column 14: " (from
// 1, in bytes), says what was expected, and is short whatever the text.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace llmos
