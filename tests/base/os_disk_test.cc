// SPDX-License-Identifier: Apache-2.0
#include "base/os_disk.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace llmos::os {
namespace {

TEST(OsDisk, SaysWhatLiesInMemory) {
  EXPECT_FALSE(is_in_memory("/nonexistent/directory"));
  EXPECT_FALSE(is_in_memory("/proc"));
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "there is no /dev/shm";
  EXPECT_TRUE(is_in_memory("/dev/shm"));
}

}  // namespace
}  // namespace llmos::os
