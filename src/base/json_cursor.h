// SPDX-License-Identifier: Apache-2.0
// Reads fields of known types out of a Json, with errors that name the place:
//
//   const JsonCursor config(json, "config");
//   Result<int64_t> layers = config["layers"].integer(1, 1024);
//   Result<double> theta = config["rope"]["theta"].number_or(10000);
//
//   not found: config.layers: expected an integer, found nothing
//   invalid: config.layers[3].size: expected an integer, found a string
//   invalid: config.layers: expected an integer from 1 to 1024, found 5000
//
// A step never fails: the error waits for the read at the end. For long lists of plain values walk
// Json::items() instead: every step here builds the text of its path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "llmos/status.h"

namespace llmos {

// A place in a Json, which must outlive it, and what is there. A value.
// Failure: kNotFound when nothing is there (null counts as nothing), kInvalid for the wrong type or
// range. The `..._or` calls answer `otherwise` when nothing is there, and fail alike on the rest.
class JsonCursor {
 public:
  JsonCursor(const Json& root, std::string path) : json_(&root), path_(std::move(path)) {}

  // The member or element, or nothing. Of something else than an object or array: an error.
  JsonCursor operator[](std::string_view key) const;
  JsonCursor operator[](size_t index) const;

  bool present() const noexcept { return json_ && !json_->is_null(); }
  const std::string& path() const noexcept { return path_; }

  Result<bool> boolean() const;
  Result<int64_t> integer(int64_t least = std::numeric_limits<int64_t>::min(),
                          int64_t most = std::numeric_limits<int64_t>::max()) const;
  Result<uint64_t> natural(uint64_t most = std::numeric_limits<uint64_t>::max()) const;
  Result<double> number() const;            // integers too
  Result<std::string_view> string() const;  // lives as long as the Json
  Result<std::span<const Json>> items() const;
  Result<std::span<const JsonMember>> members() const;

  Result<bool> boolean_or(bool otherwise) const;
  Result<int64_t> integer_or(int64_t otherwise, int64_t least = std::numeric_limits<int64_t>::min(),
                             int64_t most = std::numeric_limits<int64_t>::max()) const;
  Result<uint64_t> natural_or(uint64_t otherwise,
                              uint64_t most = std::numeric_limits<uint64_t>::max()) const;
  Result<double> number_or(double otherwise) const;
  Result<std::string_view> string_or(std::string_view otherwise) const;

  // The error of a reader's own rule at this place: "config.dtype: expected one of f16, bf16, found
  // "f8"".
  Status error(std::string_view expected) const;

 private:
  JsonCursor(const Json* json, std::string path, std::string error)
      : json_(json), path_(std::move(path)), error_(std::move(error)) {}
  bool absent() const noexcept { return !present() && error_.empty(); }
  Status wrong_type(std::string_view expected) const;

  const Json* json_;  // null: nothing is there
  std::string path_;
  std::string error_;  // of the first step that could not be taken
};

}  // namespace llmos
