// SPDX-License-Identifier: Apache-2.0
// This test binary counts its allocations.
#pragma once

#include <cstddef>

namespace llmos::test {

size_t allocations();  // by operator new, on all threads, since the start

}  // namespace llmos::test
