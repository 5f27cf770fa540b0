// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/kernel_sets.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

TEST(ComputeDevice, BringsTeamKernelsAndMemoryTogether) {
  const auto device = ComputeDevice::create({.threads = 2, .memory_bytes_max = 1 << 20}).value();
  EXPECT_EQ(device->kind(), Device::kCpu);
  EXPECT_EQ(device->threads(), 2);
  EXPECT_EQ(&device->kernels(), &kernels::best_kernel_set());
  EXPECT_EQ(device->name(),
            std::string("cpu (") + kernels::best_kernel_set().name + ", 2 threads)");
  EXPECT_EQ(device->bytes_max(), 1u << 20);
  const Buffer buffer = device->allocate(100'000).value();
  EXPECT_EQ(device->bytes_used() + device->bytes_available(), device->bytes_max());
  EXPECT_GE(device->bytes_used(), 100'000u);
  EXPECT_EQ(device->allocate(2 << 20).status().code(), Code::kExhausted);
}

TEST(ComputeDevice, TakesTheMachineByDefault) {
  const auto device = ComputeDevice::create().value();
  EXPECT_GE(device->threads(), 1);
  EXPECT_GT(device->bytes_max(), uint64_t{1} << 20);
}

TEST(ComputeDevice, EveryKernelSetCanBeForced) {
  for (const kernels::KernelTable* set : kernels::kernel_sets()) {
    const auto device = ComputeDevice::create({.threads = 1, .kernel_set = set->name}).value();
    EXPECT_EQ(&device->kernels(), set);
    EXPECT_THAT(device->name(), HasSubstr(set->name));
    EXPECT_THAT(device->name(), HasSubstr("1 thread)"));
  }
}

TEST(ComputeDevice, SaysWhatItCannotBe) {
  const Status kernels = ComputeDevice::create({.kernel_set = "avx9"}).status();
  EXPECT_EQ(kernels.code(), Code::kInvalid);
  EXPECT_THAT(kernels.message(), HasSubstr("'avx9'"));
  EXPECT_THAT(kernels.message(), HasSubstr(" ref generic"));
  EXPECT_EQ(ComputeDevice::create({.kind = Device::kCuda}).status().code(), Code::kUnsupported);
  EXPECT_EQ(ComputeDevice::create({.threads = -1}).status().code(), Code::kInvalid);
}

TEST(ComputeDevice, ComputesThroughItsStream) {
  const auto device = ComputeDevice::create({.threads = 2, .memory_bytes_max = 1 << 20}).value();
  const Buffer buffer = device->allocate(8 * sizeof(float)).value();
  float* const x = buffer.as<float>();
  for (int i = 0; i < 8; ++i) x[i] = float(i);
  device->stream().launch(device->kernels().cap, {.x = x, .rows = 2, .columns = 4, .scale = 2});
  device->stream().launch(device->kernels().cap, {.x = x, .rows = 2, .columns = 4, .scale = 2});
  device->stream().finish();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(x[i], float(4 * i));
}

}  // namespace
}  // namespace llmos
