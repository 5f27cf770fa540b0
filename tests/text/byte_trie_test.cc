// SPDX-License-Identifier: Apache-2.0
#include "text/byte_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

TEST(ByteTrie, Empty) {
  const ByteTrie trie;
  EXPECT_TRUE(trie.empty());
  EXPECT_EQ(trie.longest("abc").bytes, 0u);
  EXPECT_EQ(trie.step(ByteTrie::kRoot, 'a'), ByteTrie::kRoot);
  EXPECT_TRUE(ByteTrie({{"", 7}}).empty());
}

TEST(ByteTrie, FindsTheLongestThatIsAllowed) {
  const ByteTrie trie({{"a", 1}, {"abc", 2}, {"abcde", 3}});
  EXPECT_EQ(trie.longest("abcdx").value, 2);
  EXPECT_EQ(trie.longest("abcde").bytes, 5u);
  EXPECT_EQ(trie.longest("abcde", 4, [](int32_t) { return true; }).value, 2);
  EXPECT_EQ(trie.longest("abcde", 5, [](int32_t value) { return value < 2; }).value, 1);
  EXPECT_EQ(trie.longest("xabc").bytes, 0u);
}

TEST(ByteTrie, OfEqualTextsTheLastCounts) {
  const ByteTrie trie({{"a", 1}, {"b", 5}, {"a", 2}});
  EXPECT_EQ(trie.longest("a").value, 2);
}

TEST(ByteTrie, AsAMap) {
  Rng rng(test::seed("tries"));
  const auto random = [&] {
    std::string text;
    for (size_t left = rng.below(6); left > 0; --left) text += char(0x7E + rng.below(3));
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::map<std::string, int32_t> map;
    for (size_t i = rng.below(20); i > 0; --i) map[random()] = int32_t(i);
    map.erase("");
    std::vector<ByteTrie::Key> keys;
    for (const auto& [text, value] : map) keys.push_back({text, value});
    const ByteTrie trie(keys);
    EXPECT_EQ(trie.empty(), map.empty());
    for (int i = 0; i < 20; ++i) {
      const std::string text = random();
      ByteTrie::Match expected;
      for (size_t bytes = 1; bytes <= text.size(); ++bytes) {
        const auto found = map.find(text.substr(0, bytes));
        if (found != map.end()) expected = {bytes, found->second};
      }
      EXPECT_EQ(trie.longest(text).bytes, expected.bytes);
      EXPECT_EQ(trie.longest(text).value, expected.value);
    }
  }
}

}  // namespace
}  // namespace llmos
