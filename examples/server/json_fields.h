// SPDX-License-Identifier: Apache-2.0
// Request bodies: hostile JSON, read field by field.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "api_error.h"

namespace server {

// The deepest that requests nest is 6 (content parts, descriptions of tools); a token prompt of the
// longest context today has a million values.
inline constexpr int kJsonDepthMax = 32;
inline constexpr size_t kJsonValuesMax = size_t{1} << 21;

// The object that a body is. Throws ApiError: not JSON, not UTF-8, too deep, too many values, or
// something else than an object.
nlohmann::json parse_object(std::string_view body);

// Reads the members of one object by name; finish() refuses those that nobody has read, so that no
// field is ever ignored in silence. A member that is null counts as absent.
//
// Failure  Every method throws ApiError with the field's full name ("messages[2].role").
class Fields {
 public:
  // `path` is what stands before a member's name: "" or "stream_options.". `object` outlives this.
  explicit Fields(const nlohmann::json& object, std::string path = {});

  const nlohmann::json* take(const char* name);
  bool boolean(const char* name, bool otherwise);
  double number(const char* name, double otherwise, double least, double most);
  uint64_t natural(const char* name, uint64_t otherwise, uint64_t least, uint64_t most);
  std::string text(const char* name, std::string otherwise = {});
  // Present with another value than `only`: refused. For fields of which one value is supported.
  void expect(const char* name, const nlohmann::json& only);
  // Accepted whatever it says: it asks nothing of us.
  void ignore(const char* name) { take(name); }
  void finish() const;

  std::string path(const char* name) const { return path_ + name; }

 private:
  const nlohmann::json& object_;
  std::string path_;
  std::set<std::string, std::less<>> taken_;
};

// Throws ApiError: "FIELD: expected EXPECTED, found ...".
[[noreturn]] void refuse(const std::string& field, const std::string& expected,
                         const nlohmann::json& found);
[[noreturn]] void refuse_unsupported(const std::string& field);

}  // namespace server
