// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_sets.h"

#include <array>
#include <cstddef>

#if LLMOS_KERNELS_X86
  #include <cpuid.h>
#endif

#include "kernels/cpu/cpu.h"
#include "kernels/ref/ref.h"

namespace llmos::kernels {

// The emulated GPU: in programs that link it, the tests', and nowhere else.
[[gnu::weak]] const KernelTable& cuda_emu_table() noexcept;

namespace {

#if LLMOS_KERNELS_X86
// __builtin_cpu_supports also asks whether the operating system saves the registers. It does not
// know F16C in every compiler: leaf 1, ECX, bit 29 says so.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 29 & 1) != 0;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#endif

struct Sets {
  std::array<const KernelTable*, 4> tables{};
  size_t count = 0;
  const KernelTable* best = nullptr;

  Sets() {
    add(ref_table());
    add(generic_table());
    best = &generic_table();
#if LLMOS_KERNELS_X86
    if (has_avx2()) {
      add(avx2_table());
      best = &avx2_table();
    }
    if (has_avx512()) {
      add(avx512_table());
      best = &avx512_table();
    }
#endif
  }

  void add(const KernelTable& table) { tables[count++] = &table; }
};

const Sets& sets() {
  static const Sets found;
  return found;
}

}  // namespace

std::span<const KernelTable* const> kernel_sets() noexcept {
  return {sets().tables.data(), sets().count};
}

const KernelTable* find_kernel_set(std::string_view name) noexcept {
  for (const KernelTable* table : kernel_sets()) {
    if (name == table->name) return table;
  }
  if (&cuda_emu_table != nullptr && name == cuda_emu_table().name) return &cuda_emu_table();
  return nullptr;
}

const KernelTable& best_kernel_set() noexcept { return *sets().best; }

}  // namespace llmos::kernels
