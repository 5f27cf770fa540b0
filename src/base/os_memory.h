// SPDX-License-Identifier: Apache-2.0
// Address space and memory from the operating system. With os_file and os_cpu the only places that
// call it.
//
// Words     *reserve* takes addresses without memory; *commit* makes part of them usable, zeroed on
//           first touch; *decommit* gives the memory back and keeps the addresses. All addresses
//           and sizes are multiples of page_bytes(), with explicit huge pages of kHugePageBytes.
// Failure   refused memory is a Status or false, never an exception. Bad arguments are CHECKed.
// Threads   all functions are thread-safe; ranges must not overlap between concurrent calls.
#pragma once

#include <cstddef>
#include <cstdint>

#include "llmos/status.h"

namespace llmos::os {

enum class HugePages : uint8_t {
  kNone,      // ordinary pages
  kAdvise,    // transparent huge pages where the kernel has them free
  kExplicit,  // from the hugetlb pool; refused when it is empty
};

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

size_t page_bytes() noexcept;
uint64_t physical_memory_bytes() noexcept;  // of the machine, or of the cgroup where that is less
bool huge_pages_available() noexcept;       // transparent ones: "always" or "madvise"

// `bytes` of addresses at a multiple of `alignment` (a power of two), without memory: touching them
// before commit() ends the process (SIGSEGV). With kExplicit the range is backed and usable at once
// by the hugetlb pool.
Result<std::byte*> reserve(size_t bytes, size_t alignment, HugePages huge = HugePages::kNone);
void release(std::byte* address, size_t bytes) noexcept;

// False when the system refuses; nothing has changed then. Committing what is committed keeps its
// content.
bool commit(std::byte* address, size_t bytes, HugePages huge = HugePages::kNone) noexcept;
// Where the kernel cannot take the pages back (explicit ones before Linux 5.18) they keep content.
void decommit(std::byte* address, size_t bytes) noexcept;

// Bytes of this process in RAM now (VmRSS).
uint64_t resident_bytes() noexcept;

// A fence in every running thread of this process (membarrier): after it returns, each of them has
// passed a full memory barrier. Lets a rare writer order itself against readers that use plain
// loads and stores. `available` is decided once; where it is false process_barrier() is a
// programmer error and the caller must use real fences.
bool process_barrier_available() noexcept;
void process_barrier() noexcept;

}  // namespace llmos::os
