// SPDX-License-Identifier: Apache-2.0
#include "text/byte_level.h"

#include <gtest/gtest.h>

#include <set>

namespace llmos {
namespace {

TEST(ByteLevel, SpaceAndNewlineAreTheKnownLetters) {
  EXPECT_EQ(to_byte_level(" a\n"), "\u0120a\u010A");
  EXPECT_EQ(to_byte_level("\u00E9"), "\u00C3\u00A9");
  EXPECT_EQ(from_byte_level("\u0120a"), " a");
}

TEST(ByteLevel, EveryByteHasItsOwnCharacterAndBack) {
  std::set<char16_t> characters(kByteCharacters.begin(), kByteCharacters.end());
  EXPECT_EQ(characters.size(), 256u);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(from_byte_level(to_byte_level(all)), all);
}

TEST(ByteLevel, OtherCharactersStandForNoByte) {
  EXPECT_EQ(from_byte_level("a b"), std::nullopt);
  EXPECT_EQ(from_byte_level("\u0144"), std::nullopt);
  EXPECT_EQ(from_byte_level("\xFF"), std::nullopt);
  EXPECT_EQ(from_byte_level(""), "");
}

}  // namespace
}  // namespace llmos
