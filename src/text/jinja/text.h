// SPDX-License-Identifier: Apache-2.0
// Values as text: Python's str(), repr() and type names, and strings by code points. Every string
// of a template is valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// "str", "int", "dict", ... as Python's type(value).__name__.
std::string_view type_name(const Value& value);
// "'messages' is undefined", "'dict object' has no attribute 'role'".
std::string undefined_message(const Value& undefined);
// Any use of an undefined value beyond printing, walking and testing fails with that message.
void fail_if_undefined(const Value& value);

// Python's str(); failure: kExhausted.
void append_str(Heap& heap, std::string& out, const Value& value);
std::string_view str(Heap& heap, const Value& value);  // without a copy where it is a string
std::string repr(Heap& heap, const Value& value);

std::string int_text(Int value);
// The shortest text that reads back as the same number, laid out as Python does.
std::string float_text(double value);

// Code points.
size_t character_count(std::string_view text);
// The byte at which code point `index` begins; text.size() beyond the end.
size_t byte_of_character(std::string_view text, size_t index);
// Takes the code point at `*at` and moves on.
char32_t take_character(std::string_view text, size_t* at);
void append_character(std::string& out, char32_t character);
bool is_ascii(std::string_view text);

// Where `wanted` is first, from byte `from` on, or last; npos where it is not. In time linear in
// both,
// unlike those of std::string_view.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);
size_t find_last_text(std::string_view text, std::string_view wanted);

}  // namespace llmos::jinja
