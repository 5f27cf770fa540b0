// SPDX-License-Identifier: Apache-2.0
#include "base/os_disk.h"

#include <sys/vfs.h>

#include <cstdint>

namespace llmos::os {

bool is_in_memory(const std::string& directory) {
  constexpr uint64_t kTmpfs = 0x01021994, kRamfs = 0x858458f6;  // as statfs(2) lists them
  struct statfs info;
  if (::statfs(directory.c_str(), &info) != 0) return false;
  const auto type = uint64_t(info.f_type) & 0xffffffff;
  return type == kTmpfs || type == kRamfs;
}

}  // namespace llmos::os
