// SPDX-License-Identifier: Apache-2.0
// The data behind unicode.h, sorted by character.
#pragma once

#include <cstdint>
#include <span>

namespace llmos::jinja {

// From `first` up to the next range all characters have these properties.
struct PropertyRange {
  char32_t first;
  uint16_t properties;  // bits of CharacterProperty
};

// Every `stride`-th character from `first` to `last` becomes another one at these distances.
struct CaseEntry {
  char32_t first, last;
  uint16_t stride;
  int32_t to_upper, to_lower, to_title;
};

// A character that becomes several; zeros fill up.
struct SpecialCase {
  char32_t character;
  char32_t upper[3], lower[3], title[3];
};

std::span<const PropertyRange> property_ranges();
std::span<const CaseEntry> case_entries();
std::span<const SpecialCase> special_cases();

}  // namespace llmos::jinja
