// SPDX-License-Identifier: Apache-2.0
#include "kv/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

TEST(Checksum, LengthAndSeedCount) {
  const std::vector<std::byte> zeros(200);
  std::set<uint64_t> sums;
  for (size_t i = 0; i <= zeros.size(); ++i) sums.insert(checksum64(std::span(zeros).first(i)));
  EXPECT_EQ(sums.size(), zeros.size() + 1);
  EXPECT_NE(checksum64(zeros, 1), checksum64(zeros, 2));
}

TEST(Checksum, EveryFlippedBitAndSwappedWordShows) {
  Rng rng(test::seed("checksum"));
  std::vector<std::byte> bytes(149);
  for (std::byte& byte : bytes) byte = std::byte(rng.below(256));
  const uint64_t sum = checksum64(bytes);
  EXPECT_EQ(checksum64(bytes), sum);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte(1 << bit % 8);
    ASSERT_NE(checksum64(bytes), sum) << "bit " << bit;
    bytes[bit / 8] ^= std::byte(1 << bit % 8);
  }
  std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 32);
  EXPECT_NE(checksum64(bytes), sum);
}

}  // namespace
}  // namespace llmos
