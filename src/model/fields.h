// SPDX-License-Identifier: Apache-2.0
// Fields reads a model's description key by key and remembers the first thing that is wrong, so
// that an architecture's file is a list of keys and not of error checks.
//
//   Fields fields(config, "config.json");
//   model.dim = fields.natural("hidden_size", kDimMax);
//   model.kv_heads = fields.natural_or("num_key_value_heads", kHeadsMax, model.heads);
//   if (!fields.ok()) return fields.status();
//
// Both kinds of file become a Json first: config.json is one, and a GGUF file's keys of one
// architecture are gathered into one (gguf_fields()).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_cursor.h"

namespace llmos {

// A place in a Json, which must outlive it. After the first error every read answers its smallest
// value and nothing more is reported.
// Failure: kNotFound, kInvalid with the key's path ("llama.block_count: expected ...").
class Fields {
 public:
  Fields(const Json& root, std::string path) : json_(&root), path_(std::move(path)) {}

  bool has(std::string_view key) const { return at(key).present(); }
  bool is_list(std::string_view key) const;

  uint32_t natural(std::string_view key, uint32_t most);                         // at least 1
  uint32_t natural_or(std::string_view key, uint32_t most, uint32_t otherwise);  // 0 allowed
  double number(std::string_view key);
  double number_or(std::string_view key, double otherwise);
  bool boolean_or(std::string_view key, bool otherwise);
  std::string string_or(std::string_view key, std::string_view otherwise);
  // Lists of at most `most` values; empty when the key is not there. Booleans are numbers too.
  std::vector<double> numbers(std::string_view key, size_t most);
  std::vector<std::string> strings(std::string_view key, size_t most);

  // The fields of a member object; errors in it are this one's too when absorb()ed.
  Fields inner(std::string_view key) const;
  void absorb(const Fields& other) { fail(other.status_); }

  // Reports a rule of the caller's own, in the words after "expected".
  void expect(bool holds, std::string_view key, std::string_view expected);
  void fail(Status status);

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  const std::string& path() const { return path_; }

 private:
  JsonCursor at(std::string_view key) const;
  template <class T>
  T take(Result<T> result);

  const Json* json_;
  std::string path_;
  Status status_;
};

}  // namespace llmos
