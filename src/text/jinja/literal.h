// SPDX-License-Identifier: Apache-2.0
// Numbers and strings as templates write them, and as Python's int() and float() read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace llmos::jinja {

// Bytes of the literal that `text` begins with; 0: none.
size_t float_literal_bytes(std::string_view text);
size_t integer_literal_bytes(std::string_view text);
// Failure (thrown): kExhausted beyond 128 bits.
Int integer_literal(std::string_view text);

// Python's float(text) and int(text, base); nothing where it would refuse. An integer beyond 128
// bits is thrown as kExhausted.
std::optional<double> parse_float(std::string_view text);
std::optional<Int> parse_int(std::string_view text, int base = 10);

// With the escapes of a string literal resolved. Failure (thrown): kCorrupt; kUnsupported for
// character names and half a surrogate pair.
std::string unescaped(std::string_view text);

}  // namespace llmos::jinja
