// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/tensor_core.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "tensor/half.h"

namespace llmos::kernels::emu {
namespace {

struct MmaIn {
  float d[4];
  uint32_t a[4];
  uint32_t b[2];
};
static_assert(sizeof(MmaIn) <= 64);

// The whole product, by the warp's last lane: fragments to matrices, rows times columns, back.
template <float (*Widen)(uint16_t)>
void mma_work(LaneSlots& slots, unsigned) {
  float a[16][16], b[8][16];
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    MmaIn in;
    std::memcpy(&in, slots.in[lane].data(), sizeof in);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 4; ++i) {
      float* const to = &a[g + i % 2 * 8][2 * t + i / 2 * 8];
      to[0] = Widen(uint16_t(in.a[i]));
      to[1] = Widen(uint16_t(in.a[i] >> 16));
    }
    for (unsigned i = 0; i < 2; ++i) {
      float* const to = &b[g][2 * t + i * 8];
      to[0] = Widen(uint16_t(in.b[i]));
      to[1] = Widen(uint16_t(in.b[i] >> 16));
    }
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    MmaIn in;
    std::memcpy(&in, slots.in[lane].data(), sizeof in);
    for (unsigned i = 0; i < 4; ++i) {
      const float* const row = a[lane / 4 + i / 2 * 8];
      const float* const column = b[2 * (lane % 4) + i % 2];
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += row[k] * column[k];
      in.d[i] += sum;
    }
    std::memcpy(slots.out[lane].data(), in.d, sizeof in.d);
  }
}

template <float (*Widen)(uint16_t)>
void mma(const char* kind, float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  MmaIn in{{d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b0, b1}};
  Block& block = Block::current();
  std::memcpy(block.lane_in(), &in, sizeof in);
  block.exchange(~0u, kind, mma_work<Widen>);
  std::memcpy(d, block.lane_out(), sizeof d);
}

float widen_bf16(uint16_t bits) { return bf16_to_f32(bits); }
float widen_f16(uint16_t bits) { return f16_to_f32(bits); }

template <bool Transposed>
void ldmatrix_work(LaneSlots& slots, unsigned) {
  const std::byte* rows[kWarp];
  for (unsigned i = 0; i < kWarp; ++i) std::memcpy(&rows[i], slots.in[i].data(), sizeof rows[i]);
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    for (unsigned m = 0; m < 4; ++m) {
      std::byte* const to = slots.out[lane].data() + 4 * m;
      if (!Transposed) {
        std::memcpy(to, rows[8 * m + lane / 4] + 4 * (lane % 4), 4);
        continue;
      }
      std::memcpy(to, rows[8 * m + 2 * (lane % 4)] + 2 * (lane / 4), 2);
      std::memcpy(to + 2, rows[8 * m + 2 * (lane % 4) + 1] + 2 * (lane / 4), 2);
    }
  }
}

void ldmatrix(const char* kind, uint32_t (&r)[4], const void* row, Block::WarpWork work) {
  check_aligned(row, 16);
  Block& block = Block::current();
  std::memcpy(block.lane_in(), &row, sizeof row);
  block.exchange(~0u, kind, work);
  std::memcpy(r, block.lane_out(), sizeof r);
}

}  // namespace

void mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  mma<widen_bf16>("mma_bf16", d, a, b0, b1);
}
void mma_f16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  mma<widen_f16>("mma_f16", d, a, b0, b1);
}
void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  ldmatrix("ldmatrix", r, row, ldmatrix_work<false>);
}
void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* row) {
  ldmatrix("ldmatrix.trans", r, row, ldmatrix_work<true>);
}

void copy_async16(void* to, const void* from, bool valid) {
  check_aligned(to, 16);
  check_aligned(from, 16);
  Block::current().copy_async(to, from, valid ? 16 : 0, valid ? 0 : 16);
}
void copy_async_commit() { Block::current().copy_commit(); }

void store_release(unsigned* at, unsigned value) {
  std::atomic_ref(*at).store(value, std::memory_order_release);
}
unsigned load_acquire(const unsigned* at) {
  return std::atomic_ref(const_cast<unsigned&>(*at)).load(std::memory_order_acquire);
}
void spin_pause() { Block::current().spin(); }

uint32_t pack_bf16(float low, float high) {
  return f32_to_bf16(low) | uint32_t{f32_to_bf16(high)} << 16;
}
uint32_t sub_bf16x2(uint32_t a, uint32_t b) {
  return pack_bf16(bf16_to_f32(uint16_t(a)) - bf16_to_f32(uint16_t(b)),
                   bf16_to_f32(uint16_t(a >> 16)) - bf16_to_f32(uint16_t(b >> 16)));
}
uint32_t pack_f16(float low, float high) {
  return f32_to_f16(low) | uint32_t{f32_to_f16(high)} << 16;
}
float unpack_f16(uint16_t bits) { return f16_to_f32(bits); }
uint8_t pack_e4m3(float x) {
  return f32_to_f8e4m3(std::isnan(x) ? x : std::clamp(x, -448.0f, 448.0f));
}
uint32_t e4m3_to_f16(uint16_t pair) {
  return f32_to_f16(f8e4m3_to_f32(uint8_t(pair))) |
         uint32_t{f32_to_f16(f8e4m3_to_f32(uint8_t(pair >> 8)))} << 16;
}

void check_aligned(const void* p, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(p) % bytes == 0) return;
  Block::current().fault("an access of " + std::to_string(bytes) + " bytes is not aligned");
}

}  // namespace llmos::kernels::emu
