// SPDX-License-Identifier: Apache-2.0
// The words of CUDA C++ that our kernels use, for a host compiler: a kernel's body compiles as it
// stands. Only kernels/cuda/common/cuda.h includes this.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/emu/block.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

#define threadIdx (::llmos::kernels::emu::Block::current().thread_index())
#define blockIdx (::llmos::kernels::emu::Block::current().block_index())
#define blockDim (::llmos::kernels::emu::Block::current().block_dim())
#define gridDim (::llmos::kernels::emu::Block::current().grid_dim())

#define __syncthreads() ::llmos::kernels::emu::Block::current().barrier(0, 0, {__FILE__, __LINE__})
#define LLMOS_BARRIER(id, threads) \
  ::llmos::kernels::emu::Block::current().barrier(id, threads, {__FILE__, __LINE__})

#define LLMOS_SHARED(T, name, count)    \
  static const char name##_key = 0;     \
  T* const name = reinterpret_cast<T*>( \
      ::llmos::kernels::emu::Block::current().static_shared(&name##_key, sizeof(T) * (count)))
#define LLMOS_DYNAMIC_SHARED(T, name) \
  T* const name = reinterpret_cast<T*>(::llmos::kernels::emu::Block::current().dynamic_shared())

#define LAUNCH(kernel, grid, block, smem, stream, ...) \
  ::llmos::kernels::emu::launch_call(grid, block, smem, stream, kernel __VA_OPT__(, ) __VA_ARGS__)

namespace llmos::kernels::emu {

using dim3 = Dim;

// The arguments are copied, as by a launch, and converted to the kernel's parameters.
template <class Kernel, class... Args>
void launch_call(Dim grid, Dim block, size_t dynamic_bytes, const void*, Kernel kernel,
                 Args... args) {
  launch(grid, block, dynamic_bytes, [=] { kernel(args...); });
}

// One value from each lane to all: `work` moves them from `in` to `out`.
template <class T>
T exchanged(unsigned mask, const char* kind, T value, Block::WarpWork work) {
  static_assert(sizeof(T) <= 8);
  Block& block = Block::current();
  std::memcpy(block.lane_in(), &value, sizeof(T));
  block.exchange(mask, kind, work);
  std::memcpy(&value, block.lane_out(), sizeof(T));
  return value;
}

// A shuffle: each lane also says whose value it wants, at byte 8 of its slot.
template <class T>
T shuffled(unsigned mask, const char* kind, T value, unsigned from) {
  std::memcpy(Block::current().lane_in() + 8, &from, sizeof(from));
  return exchanged(mask, kind, value, [](LaneSlots& slots, unsigned lanes) {
    for (unsigned rest = lanes; rest != 0; rest &= rest - 1) {
      const unsigned lane = unsigned(std::countr_zero(rest));
      unsigned source = 0;
      std::memcpy(&source, slots.in[lane].data() + 8, sizeof(source));
      std::memcpy(slots.out[lane].data(), slots.in[source % kWarp].data(), 8);
    }
  });
}

}  // namespace llmos::kernels::emu

namespace llmos::kernels {

using emu::dim3;

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

inline void __syncwarp(unsigned mask = ~0u) {
  emu::Block::current().exchange(mask, "__syncwarp", [](emu::LaneSlots&, unsigned) {});
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
  return emu::shuffled(mask, "__shfl_sync", value, unsigned(lane));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return emu::shuffled(mask, "__shfl_xor_sync", value,
                       emu::Block::current().lane() ^ unsigned(bits));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = emu::Block::current().lane();
  return emu::shuffled(mask, "__shfl_up_sync", value, lane < by ? lane : lane - by);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
  const unsigned lane = emu::Block::current().lane();
  return emu::shuffled(mask, "__shfl_down_sync", value, lane + by >= emu::kWarp ? lane : lane + by);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
  return emu::exchanged(mask, "__ballot_sync", unsigned(vote), [](emu::LaneSlots& s, unsigned m) {
    unsigned votes = 0;
    for (unsigned i = 0; i < emu::kWarp; ++i) {
      if ((m >> i & 1) != 0 && s.in[i][0] != std::byte{0}) votes |= 1u << i;
    }
    for (unsigned i = 0; i < emu::kWarp; ++i) {
      if ((m >> i & 1) != 0) std::memcpy(s.out[i].data(), &votes, 4);
    }
  });
}
inline bool __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0; }
inline bool __all_sync(unsigned mask, bool vote) { return __ballot_sync(mask, !vote) == 0; }
inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  return emu::exchanged(mask, "__reduce_add_sync", value, [](emu::LaneSlots& s, unsigned m) {
    unsigned sum = 0;
    for (unsigned i = 0; i < emu::kWarp; ++i) {
      unsigned one = 0;
      if ((m >> i & 1) != 0) std::memcpy(&one, s.in[i].data(), 4);
      sum += one;
    }
    for (unsigned i = 0; i < emu::kWarp; ++i) {
      if ((m >> i & 1) != 0) std::memcpy(s.out[i].data(), &sum, 4);
    }
  });
}

inline int atomicAdd(int* at, int value) { return std::atomic_ref(*at).fetch_add(value); }
inline unsigned atomicAdd(unsigned* at, unsigned value) {
  return std::atomic_ref(*at).fetch_add(value);
}
inline unsigned long long atomicAdd(unsigned long long* at, unsigned long long value) {
  return std::atomic_ref(*at).fetch_add(value);
}
inline float atomicAdd(float* at, float value) { return std::atomic_ref(*at).fetch_add(value); }
inline unsigned atomicExch(unsigned* at, unsigned value) {
  return std::atomic_ref(*at).exchange(value);
}
inline unsigned atomicCAS(unsigned* at, unsigned expected, unsigned value) {
  std::atomic_ref(*at).compare_exchange_strong(expected, value);
  return expected;
}
inline unsigned long long atomicMax(unsigned long long* at, unsigned long long value) {
  std::atomic_ref cell(*at);
  unsigned long long old = cell.load();
  while (old < value && !cell.compare_exchange_weak(old, value)) {
  }
  return old;
}

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(unsigned(bits)) + 1; }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((static_cast<unsigned __int128>(a) * b) >> 64);
}
// Byte i of the result is the byte of (b, a) that digit i of the selector names.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  unsigned out = 0;
  for (unsigned i = 0; i < 4; ++i) {
    out |= unsigned(bytes >> (selector >> 4 * i & 7) * 8 & 0xff) << 8 * i;
  }
  return out;
}
inline float __expf(float x) { return std::exp(x); }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline void sincospif(float x, float* sine, float* cosine) {
  constexpr double kPi = 3.14159265358979323846;
  *sine = float(std::sin(kPi * x));
  *cosine = float(std::cos(kPi * x));
}

}  // namespace llmos::kernels
