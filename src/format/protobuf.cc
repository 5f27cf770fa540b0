// SPDX-License-Identifier: Apache-2.0
#include "format/protobuf.h"

#include <bit>

#include "base/text.h"

namespace llmos {

float ProtobufField::number32() const { return std::bit_cast<float>(uint32_t(value)); }

bool ProtobufReader::fail(const char* expected) {
  status_ =
      Status(Code::kCorrupt, (Text() << "byte " << at_ << ": expected " << expected << ", found "
                                     << message_.size() - at_ << " bytes that are none")
                                 .str());
  at_ = message_.size();
  return false;
}

bool ProtobufReader::read_varint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == message_.size()) break;
    const auto byte = uint8_t(message_[at_++]);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return fail("a varint");
}

bool ProtobufReader::read_fixed(size_t bytes, uint64_t& value) {
  if (message_.size() - at_ < bytes) return fail("a number of fixed size");
  value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= uint64_t{uint8_t(message_[at_ + i])} << (8 * i);
  at_ += bytes;
  return true;
}

bool ProtobufReader::next(ProtobufField& field) {
  if (at_ == message_.size()) return false;
  uint64_t tag = 0;
  if (!read_varint(tag)) return false;
  if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX) return fail("a field number");
  field = {uint32_t(tag >> 3), ProtobufField::Wire(tag & 7), 0, {}};
  switch (tag & 7) {
    case uint64_t(ProtobufField::Wire::kVarint):
      return read_varint(field.value);
    case uint64_t(ProtobufField::Wire::kFixed64):
      return read_fixed(8, field.value);
    case uint64_t(ProtobufField::Wire::kFixed32):
      return read_fixed(4, field.value);
    case uint64_t(ProtobufField::Wire::kBytes):
      break;
    default:
      return fail("a wire type that is in use");
  }
  uint64_t size = 0;
  if (!read_varint(size)) return false;
  if (size > message_.size() - at_) return fail("as many bytes as the field's length");
  field.bytes = message_.substr(at_, size_t(size));
  at_ += size_t(size);
  return true;
}

}  // namespace llmos
