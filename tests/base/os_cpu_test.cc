// SPDX-License-Identifier: Apache-2.0
#include "base/os_cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <thread>

#include "base/os_cgroup.h"
#include "base/rng.h"
#include "base/text.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace llmos::os {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OsCpuList, ParsesTheKernelsNotation) {
  EXPECT_THAT(*parse_cpu_list("0-3,8\n"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(*parse_cpu_list("5"), ElementsAre(5));
  EXPECT_THAT(*parse_cpu_list("7,2-3,3"), ElementsAre(2, 3, 7));
  EXPECT_TRUE(parse_cpu_list("")->empty());
  EXPECT_TRUE(parse_cpu_list("\n")->empty());
  EXPECT_THAT(*parse_cpu_list("8191"), ElementsAre(8191));
}

TEST(OsCpuList, RefusesEverythingElse) {
  for (const char* text : {"a", "1-", "-1", "3-1", "1,,2", "1,", ",1", "1 2", "0-3/2", "8192",
                           "0-4294967295", "99999999999999999999", "1-2-3", "0x3", "+1"}) {
    EXPECT_EQ(parse_cpu_list(text).status().code(), Code::kCorrupt) << text;
  }
  EXPECT_EQ(parse_cpu_list("1-").status().message(),
            "expected a CPU list like 0-3,8 with numbers below 8192, found '1-'");
}

TEST(OsCpuList, TextRoundTrips) {
  EXPECT_EQ(cpu_list_text(std::vector<int>{0, 1, 2, 8, 10, 11}), "0-2,8,10-11");
  EXPECT_EQ(cpu_list_text({}), "");
  Rng rng(test::seed("cpu lists"));
  for (int i = 0; i < 200; ++i) {
    std::vector<int> cpus;
    for (int cpu = 0; cpu < 100; ++cpu) {
      if (rng.bernoulli(0.6)) cpus.push_back(cpu);
    }
    EXPECT_EQ(*parse_cpu_list(cpu_list_text(cpus)), cpus);
  }
}

// Two packages of two cores of two threads, numbered as the kernel numbers them: first all first
// threads, then all second ones.
class OsCpuTree : public ::testing::Test {
 protected:
  OsCpuTree() {
    for (int cpu = 0; cpu < 8; ++cpu) {
      const int core = cpu % 4;
      file(cpu, "topology/core_cpus_list", (Text() << core << ',' << core + 4 << '\n').str());
      file(cpu, "topology/physical_package_id", core < 2 ? "0\n" : "1\n");
      cache(cpu, 0, "1", "Data", "48K");
      cache(cpu, 1, "1", "Instruction", "32K");
      cache(cpu, 2, "2", "Unified", "2048K");
      cache(cpu, 3, "3", "Unified", "32M");
    }
    root_.write("sys/devices/system/node/online", "0-1\n");
    root_.write("sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
    root_.write("sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
  }
  void file(int cpu, std::string_view name, std::string_view text) {
    root_.write((Text() << "sys/devices/system/cpu/cpu" << cpu << '/' << name).str(), text);
  }
  void cache(int cpu, int index, const char* level, const char* type, const char* size) {
    const std::string directory = (Text() << "cache/index" << index << '/').str();
    file(cpu, directory + "level", level);
    file(cpu, directory + "type", type);
    file(cpu, directory + "size", size);
  }
  CpuTopology read(std::vector<int> allowed) const {
    return read_cpu_topology(root_.path(), allowed);
  }

  test::TempDir root_;
};

TEST_F(OsCpuTree, WholeMachine) {
  const CpuTopology topology = read({0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(topology.core_count, 4);
  EXPECT_EQ(topology.package_count, 2);
  EXPECT_EQ(topology.node_count, 2);
  EXPECT_EQ(topology.l1d_bytes, 48u << 10);
  EXPECT_EQ(topology.l2_bytes, 2u << 20);
  EXPECT_EQ(topology.l3_bytes, 32u << 20);
  EXPECT_EQ(topology.cpus[2], (LogicalCpu{.id = 2, .core = 2, .package = 1, .node = 1}));
  EXPECT_EQ(topology.cpus[6], (LogicalCpu{.id = 6, .core = 2, .package = 1, .node = 1}));
  EXPECT_EQ(topology.cpu_quota, kNoCpuQuota);
  EXPECT_EQ(topology.usable_cpu_count(), 8);
}

TEST_F(OsCpuTree, OnlyWhatIsAllowedCounts) {
  const CpuTopology topology = read({7, 3});
  EXPECT_THAT(topology.cpus, ElementsAre(LogicalCpu{.id = 3, .core = 0, .package = 0, .node = 0},
                                         LogicalCpu{.id = 7, .core = 0, .package = 0, .node = 0}));
  EXPECT_EQ(topology.core_count, 1);
  EXPECT_EQ(topology.package_count, 1);
  EXPECT_EQ(topology.node_count, 1);
}

TEST_F(OsCpuTree, QuotaBoundsWhatIsUsable) {
  root_.write("proc/self/cgroup", "0::/\n");
  const auto usable = [&](std::string_view quota) {
    root_.write("sys/fs/cgroup/cpu.max", quota);
    return read({0, 1, 2, 3}).usable_cpu_count();
  };
  EXPECT_EQ(usable("250000 100000"), 2);
  EXPECT_EQ(usable("10000 100000"), 1);
  EXPECT_EQ(usable("400000 100000"), 4);
  EXPECT_EQ(usable("9900000 100000"), 4);
  EXPECT_EQ(usable("max 100000"), 4);
}

TEST_F(OsCpuTree, OlderKernelsAndGarbage) {
  const test::TempDir empty;
  const CpuTopology bare = read_cpu_topology(empty.path(), std::vector<int>{0, 1, 9});
  EXPECT_EQ(bare.core_count, 3);
  EXPECT_EQ(bare.package_count, 1);
  EXPECT_EQ(bare.node_count, 1);
  EXPECT_EQ(bare.l1d_bytes, 0u);
  EXPECT_EQ(read_cpu_topology(empty.path(), {}).cpus.size(), 1u);

  empty.write("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1");
  empty.write("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1");
  EXPECT_EQ(read_cpu_topology(empty.path(), std::vector<int>{0, 1, 9}).core_count, 2);

  file(0, "topology/core_cpus_list", "\xff,,");
  file(0, "topology/physical_package_id", "-1\n");
  file(0, "cache/index0/size", "much");
  root_.write("sys/devices/system/node/node0/cpulist", std::string(1 << 20, '7'));
  const CpuTopology damaged = read({0, 1});
  EXPECT_EQ(damaged.core_count, 2);
  EXPECT_EQ(damaged.l1d_bytes, 0u);
  EXPECT_EQ(damaged.l2_bytes, 2u << 20);
}

TEST(OsCpu, ThisMachineIsPlausible) {
  const CpuTopology& topology = cpu_topology();
  EXPECT_EQ(topology.cpus.size(), allowed_cpus().size());
  EXPECT_GE(topology.core_count, 1);
  EXPECT_LE(topology.core_count, int(topology.cpus.size()));
  EXPECT_GE(usable_cpu_count(), 1);
  EXPECT_LE(usable_cpu_count(), int(topology.cpus.size()));
}

TEST(OsCpu, PinnedThreadStaysOnItsCpu) {
  for (const int cpu : allowed_cpus()) {
    std::thread([cpu] {
      const Status status = pin_this_thread(cpu);
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_THAT(allowed_cpus(), ElementsAre(cpu));
      for (int i = 0; i < 100; ++i) {
        std::this_thread::yield();
        ASSERT_EQ(sched_getcpu(), cpu);
      }
    }).join();
  }
}

TEST(OsCpu, PinningElsewhereIsInvalid) {
  for (const int cpu : {-1, kCpusMax - 1, kCpusMax, 1 << 30}) {
    const Status status = pin_this_thread(cpu);
    EXPECT_EQ(status.code(), Code::kInvalid) << cpu;
    EXPECT_THAT(status.message(), HasSubstr("(now " + cpu_list_text(allowed_cpus()) + ")"));
  }
}

TEST(OsCpu, NamesAreCutToWhatTheKernelKeeps) {
  std::thread([] {
    char name[32];
    name_this_thread("llmos/worker 12345");
    ASSERT_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    EXPECT_STREQ(name, "llmos/worker 12");
    name_this_thread("");
    ASSERT_EQ(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    EXPECT_STREQ(name, "");
  }).join();
}

}  // namespace
}  // namespace llmos::os
