// SPDX-License-Identifier: Apache-2.0
#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

TEST(StopMatcher, FindsAStopStringAcrossPieces) {
  StopMatcher matcher({"</tool>", "\n\n"});
  std::string out;
  EXPECT_FALSE(matcher.push("answer </", out));
  EXPECT_EQ(out, "answer ");
  EXPECT_FALSE(matcher.push("too", out));
  EXPECT_EQ(out, "answer ");
  EXPECT_TRUE(matcher.push("l> and more", out));
  EXPECT_EQ(out, "answer ");
  EXPECT_EQ(matcher.found(), 0u);
}

TEST(StopMatcher, PassesOnWhatTurnedOutToBeNone) {
  StopMatcher matcher({"</tool>"});
  std::string out;
  EXPECT_FALSE(matcher.push("a</too", out));
  EXPECT_EQ(out, "a");
  EXPECT_FALSE(matcher.push("</t", out));
  EXPECT_EQ(out, "a</too");
  matcher.finish(out);
  EXPECT_EQ(out, "a</too</t");
  EXPECT_FALSE(matcher.found());
}

TEST(StopMatcher, InsideARepetition) {
  StopMatcher matcher({"aab"});
  std::string out;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(matcher.push("a", out));
  EXPECT_EQ(out, "aaa");
  EXPECT_TRUE(matcher.push("b", out));
  EXPECT_EQ(out, "aaa");
}

TEST(StopMatcher, TheFirstCompleteOneCountsOfThoseTheLongest) {
  StopMatcher matcher({"ab", "xab", "b"});
  std::string out;
  EXPECT_TRUE(matcher.push("xab", out));
  EXPECT_EQ(matcher.found(), 1u);
  EXPECT_EQ(out, "");
  matcher.reset();
  EXPECT_TRUE(matcher.push("yab", out));
  EXPECT_EQ(matcher.found(), 0u);
  EXPECT_EQ(out, "y");
}

TEST(StopMatcher, IgnoresWhatComesBehind) {
  StopMatcher matcher({"."});
  std::string out;
  EXPECT_TRUE(matcher.push("a.b", out));
  EXPECT_TRUE(matcher.push("c", out));
  matcher.finish(out);
  EXPECT_EQ(out, "a");
  EXPECT_FALSE(matcher.push("d", out));  // finish() made it new
  EXPECT_EQ(out, "ad");
}

TEST(StopMatcher, WithoutStopStringsNothingIsHeldBack) {
  StopMatcher matcher({""});
  std::string out;
  EXPECT_FALSE(matcher.push("abc", out));
  EXPECT_EQ(out, "abc");
}

struct Stop {
  size_t begin = std::string::npos;
  size_t end = std::string::npos;
};

// The first that is complete, of those the longest, by searching the whole text.
Stop naive(const std::string& text, const std::vector<std::string>& stops) {
  Stop best;
  for (const std::string& stop : stops) {
    const size_t begin = stop.empty() ? text.npos : text.find(stop);
    if (begin == text.npos) continue;
    const size_t end = begin + stop.size();
    if (end < best.end || (end == best.end && begin < best.begin)) best = {begin, end};
  }
  return best;
}

// Whether `text` could still end in a stop string that begins at `begin`.
bool may_begin(const std::string& text, size_t begin, const std::vector<std::string>& stops) {
  for (const std::string& stop : stops) {
    const std::string rest = text.substr(begin);
    if (rest.size() < stop.size() && stop.starts_with(rest)) return true;
  }
  return false;
}

TEST(StopMatcher, AsASearchInTheWholeText) {
  Rng rng(test::seed("stop strings"));
  const auto random = [&](size_t size_max) {
    std::string text;
    for (size_t left = rng.below(size_max + 1); left > 0; --left) text += char('a' + rng.below(2));
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> stops;
    for (size_t left = 1 + rng.below(3); left > 0; --left) stops.push_back(random(6));
    const std::string text = random(24);
    StopMatcher matcher(stops);
    std::string out, seen;
    bool found = false;
    for (size_t at = 0; at < text.size() && !found;) {
      const size_t part = 1 + rng.below(3);
      seen += text.substr(at, part);
      found = matcher.push(std::string_view(text).substr(at, part), out);
      at += part;
      if (!found && out.size() < seen.size()) {
        EXPECT_TRUE(may_begin(seen, out.size(), stops)) << seen << " held from " << out.size();
      }
    }
    const Stop stop = naive(text, stops);
    EXPECT_EQ(found, stop.end != text.npos) << text;
    if (!found) matcher.finish(out);
    EXPECT_EQ(out, text.substr(0, stop.begin)) << text;
  }
}

}  // namespace
}  // namespace llmos
