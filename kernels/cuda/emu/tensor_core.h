// SPDX-License-Identifier: Apache-2.0
// What the instructions behind kernels/cuda/common/ptx.h do, for the emulator.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/emu/block.h"

namespace llmos::kernels::emu {

void mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
void mma_f16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
void ldmatrix_x4(uint32_t (&r)[4], const void* row);
void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* row);

void copy_async16(void* to, const void* from, bool valid);
void copy_async_commit();
template <int GroupsLeft>
void copy_async_wait() {
  Block::current().copy_wait(GroupsLeft);
}

void store_release(unsigned* at, unsigned value);
unsigned load_acquire(const unsigned* at);
void spin_pause();

uint32_t pack_bf16(float low, float high);
uint32_t sub_bf16x2(uint32_t a, uint32_t b);
uint32_t pack_f16(float low, float high);
float unpack_f16(uint16_t bits);
uint8_t pack_e4m3(float x);  // saturates at 448
uint32_t e4m3_to_f16(uint16_t pair);

// A fault when a wide access is not aligned: the hardware would stop there.
void check_aligned(const void* p, size_t bytes);

}  // namespace llmos::kernels::emu
