// SPDX-License-Identifier: Apache-2.0
// The oracle is the `gguf` Python package: tests/golden/quants.json, and make_quants.py beside it,
// which says how the random blocks are made.
#include "tensor/quant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/os_file.h"
#include "tensor/half.h"
#include "tensor/quant_blocks.h"

namespace llmos {
namespace {

constexpr uint64_t kBlocks = 512, kBlocksPerHash = 32;

struct GoldenType {
  DType dtype;
  std::vector<size_t> half_offsets;  // of half-precision numbers in a block
};

// The order gives the seeds.
const GoldenType kTypes[] = {
    {DType::kF16, {0}},    {DType::kBF16, {}},     {DType::kQ4_0, {0}},    {DType::kQ4_1, {0, 2}},
    {DType::kQ5_0, {0}},   {DType::kQ5_1, {0, 2}}, {DType::kQ8_0, {0}},    {DType::kQ2_K, {80, 82}},
    {DType::kQ3_K, {108}}, {DType::kQ4_K, {0, 2}}, {DType::kQ5_K, {0, 2}}, {DType::kQ6_K, {208}},
    {DType::kIQ4_NL, {0}}, {DType::kIQ4_XS, {0}},  {DType::kMXFP4, {}},
};

uint64_t splitmix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Blocks `first` (a multiple of 8) and on of the stream `seed`.
std::vector<std::byte> random_blocks(uint64_t seed, uint64_t first, uint64_t count) {
  const GoldenType& type = kTypes[seed];
  const size_t block_bytes = dtype_traits(type.dtype).block_bytes, bytes = count * block_bytes;
  const uint64_t first_word = first * block_bytes / 8;
  std::vector<std::byte> blocks((bytes + 7) / 8 * 8);
  for (size_t i = 0; i < blocks.size(); i += 8) {
    const uint64_t word = splitmix64(seed + (first_word + i / 8 + 1) * 0x9e3779b97f4a7c15u);
    std::memcpy(&blocks[i], &word, 8);
  }
  blocks.resize(bytes);
  for (size_t block = 0; block < bytes; block += block_bytes) {
    for (const size_t offset : type.half_offsets) {
      std::byte& high = blocks[block + offset + 1];
      if ((high & std::byte{0x7c}) == std::byte{0x7c}) high &= std::byte{0xbf};
    }
  }
  return blocks;
}

std::vector<float> decoded(DType dtype, const std::vector<std::byte>& blocks) {
  const DTypeTraits& traits = dtype_traits(dtype);
  std::vector<float> values(blocks.size() / traits.block_bytes * traits.block_elements);
  dequantize_row(dtype, blocks.data(), values.data(), values.size());
  return values;
}

std::string hex(const void* data, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) {
    const auto byte = static_cast<const unsigned char*>(data)[i];
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string fnv1a(const float* values, size_t count) {
  uint64_t state = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count * sizeof(float); ++i) {
    state = (state ^ reinterpret_cast<const unsigned char*>(values)[i]) * 0x100000001b3u;
  }
  const uint64_t big_endian = __builtin_bswap64(state);
  return hex(&big_endian, 8);
}

Json golden() {
  const auto text = os::read_file(LLMOS_SOURCE_DIR "/tests/golden/quants.json", 1 << 20);
  return parse_json(text.ok() ? *text : "null").value();
}

TEST(Quant, DecodesAsTheGgufPackageDoes) {
  const Json all = golden();
  ASSERT_EQ(all.members().size(), std::size(kTypes));
  for (uint64_t seed = 0; seed < std::size(kTypes); ++seed) {
    const DType dtype = kTypes[seed].dtype;
    SCOPED_TRACE(dtype_name(dtype));
    const Json* expected = all.find(dtype_name(dtype));
    ASSERT_TRUE(expected);
    const auto blocks = random_blocks(seed, 0, kBlocks);
    const auto values = decoded(dtype, blocks);
    const std::string& bytes = *expected->find("blocks")->if_string();
    const std::string& shown = *expected->find("values")->if_string();
    EXPECT_EQ(hex(blocks.data(), bytes.size() / 2), bytes);
    EXPECT_EQ(hex(values.data(), shown.size() / 2), shown);
    const auto hashes = expected->find("hashes")->items();
    ASSERT_EQ(hashes.size(), kBlocks / kBlocksPerHash);
    const size_t part = kBlocksPerHash * dtype_traits(dtype).block_elements;
    for (size_t i = 0; i < hashes.size(); ++i) {
      EXPECT_EQ(fnv1a(&values[i * part], part), *hashes[i].if_string()) << "part " << i;
    }
  }
}

// The larger run by hand: LLMOS_QUANT_BLOCKS=1000000, against make_quants.py --blocks 1000000.
TEST(Quant, PrintsHashesOfManyBlocks) {
  const char* text = std::getenv("LLMOS_QUANT_BLOCKS");
  if (!text) GTEST_SKIP() << "LLMOS_QUANT_BLOCKS is not set";
  const uint64_t count = std::strtoull(text, nullptr, 10), part = 8192;
  for (uint64_t seed = 0; seed < std::size(kTypes); ++seed) {
    const DType dtype = kTypes[seed].dtype;
    uint64_t sum = 0, place = 0;
    for (uint64_t first = 0; first < count; first += part) {
      for (const float value :
           decoded(dtype, random_blocks(seed, first, std::min(part, count - first)))) {
        sum ^= std::bit_cast<uint32_t>(value) * ((2 * place++ + 1) * 0x9e3779b97f4a7c15u);
      }
    }
    const uint64_t big_endian = __builtin_bswap64(sum);
    std::cout << dtype_name(dtype) << ' ' << hex(&big_endian, 8) << '\n';
  }
}

TEST(Quant, PlainTypesAreTheirConversions) {
  const float numbers[] = {1.5f, -0.0f, INFINITY, 0x1p-149f};
  float out[4];
  dequantize_row(DType::kF32, reinterpret_cast<const std::byte*>(numbers), out, 4);
  EXPECT_EQ(std::memcmp(out, numbers, sizeof out), 0);
  const uint8_t small[] = {0x38, 0xb8, 0x7e, 0x01};
  dequantize_row(DType::kF8E4M3, reinterpret_cast<const std::byte*>(small), out, 4);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -1.0f);
  EXPECT_EQ(out[2], 448.0f);
  EXPECT_EQ(out[3], 0x1p-9f);
  dequantize_row(DType::kF32, nullptr, nullptr, 0);
}

// Rows of files may begin at any byte (packed blocks of 17 or 18 bytes do).
TEST(Quant, AlignmentDoesNotMatter) {
  for (uint64_t seed = 0; seed < std::size(kTypes); ++seed) {
    const DType dtype = kTypes[seed].dtype;
    const auto blocks = random_blocks(seed, 0, 4);
    const auto values = decoded(dtype, blocks);
    std::vector<std::byte> shifted(blocks.size() + 1);
    std::memcpy(&shifted[1], blocks.data(), blocks.size());
    std::vector<float> again(values.size());
    dequantize_row(dtype, &shifted[1], again.data(), again.size());
    EXPECT_EQ(std::memcmp(values.data(), again.data(), values.size() * sizeof(float)), 0);
  }
}

TEST(Quant, OnlyFloatingPointIsDequantized) {
  int count = 0;
  for (int i = 0; i < kDTypeCount; ++i) count += is_dequantizable(DType(i));
  EXPECT_EQ(count, int(std::size(kTypes)) + 2);  // F32 and F8_E4M3 have no golden
  for (const DType dtype : {DType::kI8, DType::kI16, DType::kI32, DType::kI64, DType::kF64}) {
    EXPECT_FALSE(is_dequantizable(dtype));
  }
}

TEST(QuantBlocks, ScalesOfMXFP4ArePowersOfTwo) {
  for (int exponent = 0; exponent < 256; ++exponent) {
    EXPECT_EQ(double(mxfp4_scale(uint8_t(exponent))), std::ldexp(1.0, exponent - 128));
  }
}

}  // namespace
}  // namespace llmos
