// SPDX-License-Identifier: Apache-2.0
// The kernel sets of this build that this CPU can run. Chosen once, when a device is made, never
// per call.
//
// Threads   any; everything here is immutable.
#pragma once

#include <span>
#include <string_view>

#include "kernels/kernels.h"

namespace llmos::kernels {

// "ref" first, then in order of speed. Never empty.
std::span<const KernelTable* const> kernel_sets() noexcept;

// The set of that name; null when this build has none or this CPU cannot run it.
const KernelTable* find_kernel_set(std::string_view name) noexcept;

// The one to use unless told otherwise.
const KernelTable& best_kernel_set() noexcept;

}  // namespace llmos::kernels
