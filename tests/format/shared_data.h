// SPDX-License-Identifier: Apache-2.0
// Real files beside the project, present where LLMOS is developed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace llmos::test {

// ../shared/data/`name`, seen from the source tree.
inline std::string shared_data(std::string_view name) {
  return (std::filesystem::path(LLMOS_SOURCE_DIR) / ".." / "shared" / "data" / name).string();
}

}  // namespace llmos::test
