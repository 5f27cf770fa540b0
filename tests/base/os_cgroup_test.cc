// SPDX-License-Identifier: Apache-2.0
#include "base/os_cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace llmos::os {
namespace {

using ::testing::ElementsAre;

class OsCgroup : public ::testing::Test {
 protected:
  void process(std::string_view text) { root_.write("proc/self/cgroup", text); }
  void limit(std::string_view file, std::string_view text) {
    root_.write("sys/fs/cgroup/" + std::string(file), text);
  }
  double quota() const { return cgroup_cpu_quota(root_.path()); }
  uint64_t memory() const { return cgroup_memory_limit(root_.path()); }

  test::TempDir root_;
};

TEST_F(OsCgroup, WithoutFilesThereIsNoLimit) {
  EXPECT_TRUE(cgroup_directories(root_.path(), "cpu").empty());
  EXPECT_EQ(quota(), kNoCpuQuota);
  EXPECT_EQ(memory(), kNoMemoryLimit);
}

TEST_F(OsCgroup, DirectoriesGoFromTheGroupToTheMount) {
  process("5:cpu,cpuacct:/a/b\n3:memory:/\n");
  const std::string mount = root_ / "sys/fs/cgroup";
  EXPECT_THAT(
      cgroup_directories(root_.path(), "cpu"),
      ElementsAre(mount + "/cpu,cpuacct/a/b", mount + "/cpu,cpuacct/a", mount + "/cpu,cpuacct",
                  mount + "/cpu/a/b", mount + "/cpu/a", mount + "/cpu"));
  EXPECT_THAT(cgroup_directories(root_.path(), "memory"),
              ElementsAre(mount + "/memory", mount + "/memory"));
  EXPECT_TRUE(cgroup_directories(root_.path(), "acct").empty());
}

TEST_F(OsCgroup, Version2TakesTheLeastOfAllLevels) {
  process("0::/outer/inner\n");
  limit("outer/inner/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), kNoCpuQuota);
  limit("outer/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 2.5);
  limit("outer/inner/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
  limit("outer/inner/memory.max", "max\n");
  EXPECT_EQ(memory(), kNoMemoryLimit);
  limit("outer/memory.max", "1073741824\n");
  EXPECT_EQ(memory(), uint64_t{1} << 30);
}

TEST_F(OsCgroup, Version1) {
  process("4:memory:/job\n1:cpu:/\n");
  limit("cpu/cpu.cfs_quota_us", "-1\n");
  limit("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), kNoCpuQuota);
  limit("cpu/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(quota(), 3);
  limit("memory/memory.limit_in_bytes", "9223372036854771712\n");
  limit("memory/job/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(memory(), 4096u);
}

TEST_F(OsCgroup, NamesFromOutsideTheContainerMeanTheMount) {
  process("0::/../../host.slice\n");
  limit("cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(OsCgroup, GarbageIsNoLimit) {
  process("\n:::\n0::/\nx\n7:cpu\n");
  limit("cpu.max", "lots 100000\n");
  EXPECT_EQ(quota(), kNoCpuQuota);
  limit("cpu.max", "100000 0\n");
  EXPECT_EQ(quota(), kNoCpuQuota);
  limit("cpu.max", "100000");
  EXPECT_EQ(quota(), kNoCpuQuota);
  limit("cpu.max", "");
  EXPECT_EQ(quota(), kNoCpuQuota);
}

}  // namespace
}  // namespace llmos::os
