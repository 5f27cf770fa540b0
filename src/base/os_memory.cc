// SPDX-License-Identifier: Apache-2.0
#include "base/os_memory.h"

#include <linux/membarrier.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/check.h"
#include "base/os_cgroup.h"

namespace llmos::os {

namespace {

long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

size_t page_bytes() noexcept {
  static const size_t bytes = size_t(sysconf(_SC_PAGESIZE));
  return bytes;
}

uint64_t physical_memory_bytes() noexcept {
  static const uint64_t bytes = [] {
    const uint64_t machine = uint64_t(sysconf(_SC_PHYS_PAGES)) * page_bytes();
    return std::min(machine, cgroup_memory_limit(""));
  }();
  return bytes;
}

bool huge_pages_available() noexcept {
  static const bool available = [] {
    std::FILE* file = std::fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (!file) return false;
    char text[64] = {};
    const size_t size = std::fread(text, 1, sizeof text - 1, file);
    std::fclose(file);
    return size > 0 && std::strstr(text, "[never]") == nullptr;
  }();
  return available;
}

Result<std::byte*> reserve(size_t bytes, size_t alignment, HugePages huge) {
  const size_t unit = huge == HugePages::kExplicit ? kHugePageBytes : page_bytes();
  LLMOS_CHECK(bytes > 0 && bytes % unit == 0) << "reserve of " << bytes << " bytes";
  LLMOS_CHECK(std::has_single_bit(alignment)) << "alignment " << alignment;
  const size_t slack = alignment > unit ? alignment : 0;
  if (bytes + slack < bytes) return Status(Code::kInvalid, "address range too large");
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  int protection = PROT_NONE;
  if (huge == HugePages::kExplicit) {
    // The size is said: the default one of a machine may be another.
    constexpr int kLogBytes = std::countr_zero(kHugePageBytes);
    flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (kLogBytes << MAP_HUGE_SHIFT);
    protection = PROT_READ | PROT_WRITE;
  }
  void* mapped = mmap(nullptr, bytes + slack, protection, flags, -1, 0);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    return Status(
        Code::kExhausted,
        (Text() << "cannot reserve " << bytes_text(bytes)
                << (huge == HugePages::kExplicit ? " of explicit huge pages: " : " of addresses: ")
                << errno_text(error))
            .str());
  }
  auto* const first = static_cast<std::byte*>(mapped);
  const uintptr_t address = reinterpret_cast<uintptr_t>(first);
  const size_t head = slack ? ((address + alignment - 1) & ~(alignment - 1)) - address : 0;
  if (head > 0) munmap(first, head);
  if (slack > head) munmap(first + head + bytes, slack - head);
  return first + head;
}

void release(std::byte* address, size_t bytes) noexcept { munmap(address, bytes); }

bool commit(std::byte* address, size_t bytes, HugePages huge) noexcept {
  if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  if (huge == HugePages::kAdvise)
    madvise(address, bytes, MADV_HUGEPAGE);  // a hint: refusal is harmless
  return true;
}

void decommit(std::byte* address, size_t bytes) noexcept {
  madvise(address, bytes, MADV_DONTNEED);
  mprotect(address, bytes, PROT_NONE);
}

uint64_t resident_bytes() noexcept {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (!file) return 0;
  unsigned long long total = 0, resident = 0;
  const bool read = std::fscanf(file, "%llu %llu", &total, &resident) == 2;
  std::fclose(file);
  return read ? resident * page_bytes() : 0;
}

bool process_barrier_available() noexcept {
  static const bool available = [] {
    const long commands = membarrier(MEMBARRIER_CMD_QUERY);
    if (commands < 0 || !(commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return false;
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  }();
  return available;
}

void process_barrier() noexcept {
  LLMOS_CHECK(process_barrier_available()) << "membarrier is not available";  // and registers
  const long result = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  LLMOS_CHECK(result == 0) << "membarrier failed: " << errno_text(errno);
}

}  // namespace llmos::os
