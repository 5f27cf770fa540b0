// SPDX-License-Identifier: Apache-2.0
// Unicode's normalisation forms, and what else normalisers do to characters, by Unicode 16.0.0.
//
// Bytes    What is not UTF-8 stays as it is, and nothing composes across it.
// Time     O(n log n) for the longest run of combining marks, else linear.
// Threads  Pure functions.
//
// HF tokenizers has older tables: U+11938 is not decomposed there, and 72 compatibility characters
// that were added since (U+32FF, U+A7F2..A7F4, U+AB69, U+10781..107BA, ...) are left alone.
#pragma once

#include <string>
#include <string_view>

namespace llmos::unicode {

enum class Form { kNfc, kNfd, kNfkc, kNfkd };

std::string normalize(std::string_view text, Form form);

// Character by character (no final sigma); U+0130 becomes two, no other does.
std::string lowercase(std::string_view text);

// Without the marks (Mn, Mc, Me).
std::string strip_marks(std::string_view text);

}  // namespace llmos::unicode
