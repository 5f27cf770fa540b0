// SPDX-License-Identifier: Apache-2.0
#include "text/charsmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/charsmap_bytes.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

Charsmap map_of(const std::map<std::string, std::string>& entries) {
  return Charsmap::parse(test::charsmap_bytes(entries)).value();
}

TEST(Charsmap, FindsEntries) {
  const Charsmap map = map_of({{"a", "1"}, {"abc", "22"}, {"\uFF21", "A"}, {"x", ""}});
  EXPECT_EQ(map.longest("abcd")->bytes, 3u);
  EXPECT_EQ(map.longest("abcd")->replacement, "22");
  EXPECT_EQ(map.shortest("abcd")->replacement, "1");
  EXPECT_EQ(map.longest("abx")->bytes, 1u);
  EXPECT_EQ(map.longest("\uFF21")->replacement, "A");
  EXPECT_EQ(map.longest("x")->replacement, "");
  EXPECT_FALSE(map.longest("b"));
  EXPECT_FALSE(map.longest(""));
  EXPECT_FALSE(map.longest({"\0a", 2}));
  EXPECT_EQ(map.replacement_bytes_max(), 2u);
}

TEST(Charsmap, NoTable) {
  const Charsmap map = Charsmap::parse("").value();
  EXPECT_FALSE(map.longest("a"));
  EXPECT_EQ(map.replacement_bytes_max(), 0u);
}

TEST(Charsmap, RefusesSizesThatDoNotFit) {
  const auto message = [](std::string_view bytes) {
    const Status status = Charsmap::parse(bytes).status();
    EXPECT_EQ(status.code(), Code::kCorrupt);
    return status.message();
  };
  EXPECT_THAT(message("abc"), HasSubstr("a size of 4 bytes"));
  EXPECT_THAT(message({"\0\0\0\0", 4}), HasSubstr("whole 4-byte units"));
  EXPECT_THAT(message({"\3\0\0\0abc", 7}), HasSubstr("whole 4-byte units"));
  EXPECT_THAT(message({"\x08\0\0\0abcd", 8}), HasSubstr("as many bytes"));
  EXPECT_THAT(message({"\xFC\xFF\xFF\xFF", 4}), HasSubstr("as many bytes"));
}

// Whatever the units say, searches end inside the table.
TEST(Charsmap, BrokenTablesFindSomethingOrNothing) {
  Rng rng(test::seed("broken charsmaps"));
  const std::string sound = test::charsmap_bytes({{"a", "1"}, {"abc", "22"}, {"b", "3"}});
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = sound;
    for (int i = 0; i < 3; ++i) bytes[4 + rng.below(bytes.size() - 4)] = char(rng.below(256));
    const Charsmap map = Charsmap::parse(bytes).value();
    for (const char* text : {"a", "abc", "b", "\xFF\xFE"}) {
      if (const auto match = map.longest(text)) {
        EXPECT_LE(match->bytes, std::string_view(text).size());
        EXPECT_LE(match->replacement.size(), map.replacement_bytes_max());
      }
    }
  }
}

}  // namespace
}  // namespace llmos
