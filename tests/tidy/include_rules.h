// SPDX-License-Identifier: Apache-2.0
// The floors, checked on what the files really include.
//
// CMake refuses a bad edge that somebody declares; a file may still include a header that its
// module never declared. These rules read every #include instead:
//   src/, kernels/   quoted includes resolve; they lead to the own folder, or to a folder in the
//                    closure of the module's DEPS on a strictly lower floor
//   include/llmos/   every header is listed by exactly one module and has that module's floor; it
//                    includes the standard library and public headers of the own module or of
//                    strictly lower floors
//   examples/        the standard library, unistd.h and llmos/...; a program with a folder of its
//                    own also its files, those of other programs, and other libraries
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tidy/source_tree.h"

namespace llmos::tidy {

struct Module {
  int floor = 0;
  std::set<std::string> deps;  // as declared, not their closure
};

// What llmos_write_floors() wrote.
struct Floors {
  std::map<std::string, Module> modules;
  std::map<std::string, std::string> header_owner;  // "status.h" -> "base"

  // Lines "module <name> <floor> <dep,dep>" and "header <file> <module>"; others are ignored.
  static Floors parse(std::string_view text);
  // Every module that `name` may include, without itself.
  std::set<std::string> closure(const std::string& name) const;
};

std::vector<Offence> check_includes(const SourceTree& tree, const Floors& floors);

// "vector", "cstdint", "stddef.h", ... of C++20 and C.
bool is_standard_header(std::string_view name);

}  // namespace llmos::tidy
