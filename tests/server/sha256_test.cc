// SPDX-License-Identifier: Apache-2.0
#include "server/sha256.h"

#include <gtest/gtest.h>

namespace server {
namespace {

// The examples of FIPS 180-4, and lengths around a block's end (from sha256sum).
TEST(Sha256, HasTheKnownDigests) {
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(hex(sha256(std::string(55, 'x'))),
            "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(hex(sha256(std::string(56, 'x'))),
            "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e");
  EXPECT_EQ(hex(sha256(std::string(64, 'x'))),
            "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
}

TEST(Sha256, IsReadFromDigits) {
  const Sha256 digest = sha256("key");
  EXPECT_EQ(parse_sha256(hex(digest)), digest);
  EXPECT_FALSE(parse_sha256(hex(digest) + "0"));
  EXPECT_FALSE(parse_sha256(std::string(64, 'g')));
  EXPECT_FALSE(parse_sha256(""));
}

TEST(Sha256, ComparesEveryByte) {
  const Sha256 digest = sha256("key");
  EXPECT_TRUE(equal_in_constant_time(digest, digest));
  for (size_t i = 0; i < digest.size(); ++i) {
    Sha256 other = digest;
    other[i] ^= 1;
    EXPECT_FALSE(equal_in_constant_time(digest, other)) << i;
  }
}

}  // namespace
}  // namespace server
