// SPDX-License-Identifier: Apache-2.0
// Unicode's normalisation forms, and what else normalisers do to characters, by Unicode 16.0.0.
//
// Bytes    What is not UTF-8 stays as it is, and nothing composes across it.
// Time     O(n log n) for the longest run of combining marks, else linear.
// Threads  Pure functions.
//
// HF tokenizers goes by Unicode 9.0 here; tests/golden/README.md lists the 191 code points on which
// it differs.
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
