// SPDX-License-Identifier: Apache-2.0
// The tables of Unicode 16.0.0 as tests/golden/make_unicode.py writes them: runs and sorted lists,
// short in source. unicode.h, normalize.h and code_point_set.h say what they mean.
#pragma once

#include <cstdint>

namespace llmos::unicode_tables {

struct Expansion {  // code_point becomes `length` code points at `offset` of the text beside it
  uint32_t code_point;
  uint16_t offset;
  uint8_t length;
};
struct Composition {
  uint32_t first;
  uint32_t second;
  uint32_t composed;
};
struct CasePair {
  uint32_t from;
  uint32_t to;
};
struct Range {
  uint32_t first;
  uint32_t last;
};
struct Script {
  const char* name;  // lower case
  uint16_t offset;   // of its ranges
  uint16_t count;
};

#include "text/unicode_tables.inc"

}  // namespace llmos::unicode_tables
