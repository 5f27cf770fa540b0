// SPDX-License-Identifier: Apache-2.0
#include "server/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

using ::testing::HasSubstr;

std::string hash(const std::string& key) { return "\"sha256:" + hex(sha256(key)) + "\""; }

TEST(KeyRing, FindsWhoseKeyItIs) {
  const auto ring = KeyRing::parse("[[tenant]]\nname = \"alice\"\nkeys = [" + hash("a1") + ", " +
                                       hash("a2") + "]\nrequests_per_minute = 60\npriority = -3\n" +
                                       "concurrent = 8\ntokens_per_minute = 1.5e4\n" +
                                       "[[tenant]]\nname = \"bob\"\nkeys = [" + hash("b") +
                                       "]\noperator = true\n",
                                   "keys.toml");
  ASSERT_TRUE(ring.ok()) << ring.status().to_string();
  EXPECT_TRUE(ring->needs_key());
  for (const char* key : {"a1", "a2"}) {
    const Tenant* alice = ring->find(key);
    ASSERT_TRUE(alice);
    EXPECT_EQ(alice->name(), "alice");
    EXPECT_EQ(alice->limits().requests_per_minute, 60);
    EXPECT_EQ(alice->limits().tokens_per_minute, 15000);
    EXPECT_EQ(alice->limits().concurrent, 8u);
    EXPECT_EQ(alice->limits().priority, -3);
    EXPECT_FALSE(alice->limits().is_operator);
  }
  EXPECT_TRUE(ring->find("b")->limits().is_operator);
  EXPECT_FALSE(ring->find("c"));
  EXPECT_FALSE(ring->find(""));
  EXPECT_FALSE(ring->find(hex(sha256("b"))));
  EXPECT_FALSE(ring->find(std::string(KeyRing::kKeyBytesMax + 1, 'b')));
}

TEST(KeyRing, WithoutAFileTakesAnybody) {
  const KeyRing ring;
  EXPECT_FALSE(ring.needs_key());
  EXPECT_EQ(ring.anybody()->name(), "");
}

TEST(KeyRing, SaysWhatIsWrongAndWhere) {
  const auto message = [](const std::string& text) {
    const auto ring = KeyRing::parse(text, "keys.toml");
    return ring.ok() ? "" : ring.status().message();
  };
  const std::string good = "[[tenant]]\nname = \"a\"\nkeys = [" + hash("k") + "]\n";
  EXPECT_EQ(message(good), "");
  EXPECT_THAT(message("[[tenant]\n"), HasSubstr("keys.toml:1: "));
  EXPECT_THAT(message(good + "rate = 3\n"), HasSubstr("keys.toml:4: rate: expected name, keys"));
  EXPECT_THAT(message(good + "priority = \"high\"\n"), HasSubstr("priority: expected an integer"));
  EXPECT_THAT(message(good + "concurrent = -1\n"), HasSubstr("concurrent: expected a number"));
  EXPECT_THAT(message(good + "operator = 1\n"), HasSubstr("operator: expected true or false"));
  EXPECT_THAT(message("[[tenant]]\nname = \"a\"\nkeys = [\"secret\"]\n"),
              HasSubstr("keys.toml:3: keys: expected \"sha256:\""));
  EXPECT_THAT(message("[[tenant]]\nkeys = [" + hash("k") + "]\n"), HasSubstr("expected a name"));
  EXPECT_THAT(message("[[tenant]]\nname = \"a\"\n"), HasSubstr("at least one key"));
  EXPECT_THAT(message("tenants = 3\n"), HasSubstr("tenants: expected [[tenant]]"));
  EXPECT_THAT(message(""), HasSubstr("expected 1 to 4096 keys, found 0"));
}

// A file in error must not show the keys that somebody wrote into it by mistake.
TEST(KeyRing, DoesNotRepeatAKey) {
  const auto ring = KeyRing::parse("[[tenant]]\nname = \"a\"\nkeys = [\"hunter2\"]\n", "k");
  EXPECT_THAT(ring.status().message(), ::testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace server
