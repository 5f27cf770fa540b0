// SPDX-License-Identifier: Apache-2.0
// What kind of storage a directory is on.
#pragma once

#include <string>

namespace llmos::os {

// Whether files in the directory lie in the machine's memory (tmpfs, ramfs): to move something
// there frees nothing. False also when the system cannot say.
bool is_in_memory(const std::string& directory);

}  // namespace llmos::os
