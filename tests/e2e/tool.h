// SPDX-License-Identifier: Apache-2.0
// Runs the `llmos` executable as a user's shell would.
#pragma once

#include <string>
#include <vector>

namespace llmos::test {

struct ToolResult {
  int exit_code;  // -1: ended by a signal
  std::string out;
  std::string err;
};

// Neither its input nor its outputs are terminals.
ToolResult run_tool(const std::vector<std::string>& arguments, const std::string& input = {});

}  // namespace llmos::test
