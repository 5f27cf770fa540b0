// SPDX-License-Identifier: Apache-2.0
// ProtobufReader walks the fields of one protocol-buffer message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "llmos/status.h"

namespace llmos {

struct ProtobufField {
  enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint32_t number = 0;
  Wire wire = Wire::kVarint;
  uint64_t value = 0;      // of kVarint, kFixed64, kFixed32
  std::string_view bytes;  // of kBytes

  int64_t integer() const { return int64_t(value); }
  bool boolean() const { return value != 0; }
  float number32() const;  // of kFixed32
};

// Nothing is copied: fields point into the message. It does not descend by itself: a message inside
// is a field of kBytes, for another reader.
class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : message_(message) {}

  // The next field, or false at the end or at the first error.
  bool next(ProtobufField& field);
  // kCorrupt once something was not a field; groups, which nobody writes any more, count as such.
  const Status& status() const { return status_; }

 private:
  bool fail(const char* expected);
  bool read_varint(uint64_t& value);
  bool read_fixed(size_t bytes, uint64_t& value);

  std::string_view message_;
  size_t at_ = 0;
  Status status_;
};

}  // namespace llmos
