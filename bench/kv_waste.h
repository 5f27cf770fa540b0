// SPDX-License-Identifier: Apache-2.0
// How much of the memory that sequences hold has no token in it.
#pragma once

#include <string>

namespace llmos::bench {

// Runs the lengths of three workloads through pool and tables and prints a table. The Azure row
// needs its trace.
int print_waste(const std::string& azure_path);

}  // namespace llmos::bench
