// SPDX-License-Identifier: Apache-2.0
// What the machine can do at most, measured beside what the kernels do.
#pragma once

#include <cstddef>

#include "device/device.h"

namespace llmos::bench {

// Medians of several runs of the device's team.
struct MachinePeak {
  double read_bytes = 0;       // per second, each member reading one stream
  double read_bytes_four = 0;  // the same, each following four
  double fma_flops = 0;        // products and sums of independent f32 chains
  double int8_ops = 0;  // products and sums of bytes, by the best instruction of the set; 0: none
};

// `memory` is larger than any cache. The peaks are those of the device's kernel set: no wider
// registers than it uses.
MachinePeak measure_peak(ComputeDevice& device, const std::byte* memory, size_t bytes);

}  // namespace llmos::bench
