// SPDX-License-Identifier: Apache-2.0
// The habits of CONTRIBUTING.md that a program can check.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tidy/include_rules.h"
#include "tidy/source_tree.h"

namespace llmos::tidy {

inline constexpr int kColumnsMax = 100;        // of C++, as .clang-format
inline constexpr int kScriptColumnsMax = 120;  // of CMake and shell, whose lines wrap less well
inline constexpr int kLongFileLines = 600;     // reported, not refused: see CONTRIBUTING.md

// One SPDX line at the top of every source file (below a #! line), no tab, no trailing blank, no
// line too long, no note of unfinished work; in headers #pragma once.
std::vector<Offence> check_style(const SourceTree& tree);

// Each src/x/y.cc or src/x/y.h has tests/x/y_test.cc, each kernels/x/y.cc or kernels/x/y.h has
// tests/kernels/x/y_test.cc. `exemptions` has lines
// "src/x/y  # where it is tested instead"; one without a reason, or one that exempts nothing, is an
// offence of `exemptions_path`.
std::vector<Offence> check_mirror(const SourceTree& tree, std::string_view exemptions,
                                  const std::string& exemptions_path);

// The map: lines "├─ base/     F0  ..." of `map_path` name exactly the modules of `floors`, each
// with its floor; one marked "F4 planned" names a module that does not exist yet.
std::vector<Offence> check_map(const SourceTree& tree, const std::string& map_path,
                               const Floors& floors);

// Files of more than kLongFileLines lines.
std::vector<Offence> long_files(const SourceTree& tree);

}  // namespace llmos::tidy
