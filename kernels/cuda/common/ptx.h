// SPDX-License-Identifier: Apache-2.0
// All inline PTX, one function an instruction, each with the same meaning on the emulator. Kernels
// hold no asm.
#pragma once

#include "kernels/cuda/common/cuda.h"

#ifndef __CUDACC__
  #include "kernels/cuda/emu/tensor_core.h"
#endif

namespace llmos::kernels::LLMOS_CUDA_SPACE {

// Sixteen bytes: the widest load and store. Addresses are multiples of 16.
struct alignas(16) Vec16 {
  uint32_t words[4];
};
struct alignas(8) Vec8 {
  uint32_t words[2];
};

#ifdef __CUDACC__

__device__ inline Vec16 load16(const void* p) {
  const uint4 v = *static_cast<const uint4*>(p);
  return {{v.x, v.y, v.z, v.w}};
}
// Weights: read once, so they need not stay in L1.
__device__ inline Vec16 load16_streamed(const void* p) {
  Vec16 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.words[0]), "=r"(v.words[1]), "=r"(v.words[2]), "=r"(v.words[3])
               : "l"(p));
  return v;
}
__device__ inline Vec8 load8(const void* p) {
  const uint2 v = *static_cast<const uint2*>(p);
  return {{v.x, v.y}};
}
__device__ inline void store16(void* p, const Vec16& v) {
  *static_cast<uint4*>(p) = make_uint4(v.words[0], v.words[1], v.words[2], v.words[3]);
}

// d += a * b of 16x8x16, row-major a, column-major b. a: rows g and g + 8, columns 2t.. and 2t+8..;
// b: rows 2t.. and 2t+8.., column g; d: rows g and g + 8, columns 2t and 2t + 1; g = lane / 4,
// t = lane % 4.
__device__ inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},"
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ inline void mma_f16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},"
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline uint32_t shared_address(const void* p) {
  return uint32_t(__cvta_generic_to_shared(p));
}
// Four 8x8 matrices of 16-bit elements from shared memory; lane i says where row i % 8 of matrix
// i / 8 lies. `transposed` gives each lane the elements of the transposed matrices.
__device__ inline void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}
__device__ inline void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3},[%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)));
}

// Sixteen bytes to shared memory, past the registers; with `valid` false, zeros. They are there
// after the wait that covers their group.
__device__ inline void copy_async16(void* to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ inline void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int GroupsLeft>
__device__ inline void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GroupsLeft) : "memory");
}

// Flags between GPUs: what was written before a release is seen after the acquire that reads it.
__device__ inline void store_release(unsigned* at, unsigned value) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(at), "r"(value) : "memory");
}
__device__ inline unsigned load_acquire(const unsigned* at) {
  unsigned value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
  return value;
}
__device__ inline void spin_pause() { __nanosleep(32); }

__device__ inline uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 v = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&v);
}
__device__ inline uint32_t pack_f16(float low, float high) {
  const __half2 v = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&v);
}
__device__ inline float unpack_f16(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
__device__ inline uint8_t pack_e4m3(float x) {
  return uint8_t(__nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3));
}
// a - b of two bf16 in a word: a * 1 + (-b), which both architectures have.
__device__ inline uint32_t sub_bf16x2(uint32_t a, uint32_t b) {
  uint32_t d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(0x3f803f80u), "r"(b ^ 0x80008000u));
  return d;
}
// Two e4m3, the first in the low byte, as two f16: exact.
__device__ inline uint32_t e4m3_to_f16(uint16_t pair) {
  const __half2_raw v = __nv_cvt_fp8x2_to_halfraw2(pair, __NV_E4M3);
  return uint32_t(v.x) | uint32_t(v.y) << 16;
}

#else

using emu::copy_async16;
using emu::copy_async_commit;
using emu::copy_async_wait;
using emu::e4m3_to_f16;
using emu::ldmatrix_x4;
using emu::ldmatrix_x4_transposed;
using emu::load_acquire;
using emu::mma_bf16;
using emu::mma_f16;
using emu::pack_bf16;
using emu::pack_e4m3;
using emu::pack_f16;
using emu::spin_pause;
using emu::store_release;
using emu::sub_bf16x2;
using emu::unpack_f16;

inline Vec16 load16(const void* p) {
  emu::check_aligned(p, 16);
  Vec16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Vec16 load16_streamed(const void* p) { return load16(p); }
inline Vec8 load8(const void* p) {
  emu::check_aligned(p, 8);
  Vec8 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store16(void* p, const Vec16& v) {
  emu::check_aligned(p, 16);
  std::memcpy(p, &v, sizeof v);
}

#endif

// The two bf16 of a word: exact.
__device__ inline float bf16_low(uint32_t word) { return __uint_as_float(word << 16); }
__device__ inline float bf16_high(uint32_t word) { return __uint_as_float(word & 0xffff0000u); }

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
