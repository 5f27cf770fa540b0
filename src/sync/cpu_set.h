// SPDX-License-Identifier: Apache-2.0
// Which CPUs this process may use.
#pragma once

#include <thread>

namespace llmos::detail {

int usable_cpu_count() noexcept;                  // of the calling thread's affinity; at least 1
bool pin(std::thread& thread, int cpu) noexcept;  // false: not a CPU that the process may use

}  // namespace llmos::detail
