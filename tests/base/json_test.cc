// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "base/text.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Json parsed(std::string_view text) {
  Result<Json> result = parse_json(text);
  EXPECT_TRUE(result.ok()) << text << ": " << result.status().to_string();
  return std::move(result).value_or(Json("failed"));
}

Status refused(std::string_view text, const JsonLimits& limits = {}) {
  const Result<Json> result = parse_json(text, limits);
  EXPECT_FALSE(result.ok()) << "accepted " << text.substr(0, 100);
  return result.status();
}

TEST(Json, ScalarsKeepTheirKind) {
  EXPECT_TRUE(Json().is_null());
  EXPECT_EQ(Json(true).if_bool(), true);
  EXPECT_EQ(Json(-3).if_int64(), -3);
  EXPECT_EQ(Json(uint8_t{7}).if_int64(), 7);
  EXPECT_EQ(Json(~uint64_t{0}).kind(), Json::Kind::kUint);
  EXPECT_EQ(Json(~uint64_t{0}).if_uint64(), ~uint64_t{0});
  EXPECT_EQ(Json(~uint64_t{0}).if_int64(), std::nullopt);
  EXPECT_EQ(Json(-1).if_uint64(), std::nullopt);
  EXPECT_EQ(Json(5).if_uint64(), 5u);
  EXPECT_EQ(Json(5).if_double(), 5.0);
  EXPECT_EQ(Json(5.0).if_int64(), std::nullopt);
  EXPECT_EQ(*Json("text").if_string(), "text");
  EXPECT_EQ(Json("text").if_double(), std::nullopt);
  EXPECT_FALSE(Json(1) == Json(1.0));
}

TEST(Json, ArraysAndObjectsAreBuiltInOrder) {
  Json reply;
  reply.set("id", 7);
  reply.set("choices", Json::array()).push_back("a");
  reply.set("id", "seven");  // replaces, in its place
  EXPECT_EQ(reply.dump(), R"({"id":"seven","choices":["a"]})");
  EXPECT_EQ(reply.find("none"), nullptr);
  EXPECT_EQ(reply.members()[1].key, "choices");
  EXPECT_TRUE(Json(3).items().empty());
  EXPECT_TRUE(Json(3).members().empty());
  EXPECT_EQ(Json(3).find("a"), nullptr);
}

TEST(Json, WrongTypeForAddingIsADefect) {
  const test::ThrowingFatal guard;
  Json number(3);
  EXPECT_THROW(number.push_back(1), test::FatalError);
  EXPECT_THROW(number.set("a", 1), test::FatalError);
}

// Beyond eight members an object finds through its sorted index.
TEST(Json, LargeObjectsFindEveryKey) {
  Rng rng(test::seed("json large objects"));
  std::vector<int> order(500);
  for (int i = 0; i < 500; ++i) order[size_t(i)] = i;
  rng.shuffle(order);
  Json built = Json::object();
  for (const int i : order) built.set((Text() << "key" << i).str(), i);
  const Json read = parsed(built.dump());
  EXPECT_EQ(read, built);
  for (int i = 0; i < 500; ++i) {
    const std::string key = (Text() << "key" << i).str();
    ASSERT_NE(built.find(key), nullptr) << key;
    EXPECT_EQ(built.find(key)->if_int64(), i);
    EXPECT_EQ(read.find(key)->if_int64(), i);
  }
  EXPECT_EQ(built.find("key500"), nullptr);
  EXPECT_EQ(built.find(""), nullptr);
  EXPECT_EQ(built.find("zzz"), nullptr);
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(built.members()[i].value.if_int64(), order[i]);
  }
  built.set("key77", "other");
  EXPECT_EQ(built.members().size(), 500u);
  EXPECT_EQ(*built.find("key77")->if_string(), "other");
}

TEST(Json, EqualityIgnoresTheOrderOfMembersOnly) {
  EXPECT_EQ(parsed(R"({"a":1,"b":[2,3]})"), parsed(R"({"b":[2,3],"a":1})"));
  EXPECT_FALSE(parsed(R"({"a":1,"b":[2,3]})") == parsed(R"({"b":[3,2],"a":1})"));
  EXPECT_FALSE(parsed(R"({"a":1})") == parsed(R"({"b":1})"));
  EXPECT_FALSE(parsed("[1]") == parsed("[1,1]"));
  EXPECT_FALSE(parsed("[]") == parsed("{}"));
}

TEST(Json, CopiesAreDeepAndMovesLeaveNull) {
  Json original = parsed(R"({"a":[1,{"b":"c"}]})");
  Json copy = original;
  copy.set("a", 0);
  EXPECT_EQ(original.dump(), R"({"a":[1,{"b":"c"}]})");
  const Json moved = std::move(original);
  EXPECT_TRUE(original.is_null());  // NOLINT(bugprone-use-after-move): the contract under test
  EXPECT_EQ(moved.dump(), R"({"a":[1,{"b":"c"}]})");
}

TEST(Json, MayBeAssignedFromItsOwnInside) {
  Json chain = parsed(R"([[["deep"]]])");
  for (int i = 0; i < 3; ++i) {
    Json& inner = const_cast<Json&>(chain.items()[0]);
    chain = std::move(inner);
  }
  EXPECT_EQ(*chain.if_string(), "deep");
  Json copied = parsed(R"([["deep"]])");
  copied = copied.items()[0];
  EXPECT_EQ(copied.dump(), R"(["deep"])");
}

// A million levels: any recursion overflows the 8 MiB stack.
TEST(Json, DepthCostsNoStack) {
  constexpr int kLevels = 1000000;
  Json deep = 1;
  for (int i = 0; i < kLevels; ++i) {
    Json outer;
    if (i % 2) {
      outer.set("in", std::move(deep));
      outer.set("by", Json::array()).push_back(i);
    } else {
      outer.push_back(std::move(deep));
    }
    deep = std::move(outer);
  }
  const Json copy = deep;
  EXPECT_EQ(copy, deep);
  EXPECT_THAT(copy.dump(), StartsWith(R"({"in":[{"in":[)"));
  deep = Json();
  EXPECT_TRUE(deep.is_null());
}

TEST(Json, WideTreesAreTakenApart) {
  Json tree;
  for (int i = 0; i < 100; ++i) {
    Json& row = tree.push_back(Json::array());
    for (int j = 0; j < 100; ++j)
      row.push_back(Json::object()).set("x", Json::array()).push_back(j);
    row.push_back(Json::array());
  }
  const Json copy = tree;
  tree = Json();
  EXPECT_EQ(copy.items().size(), 100u);
}

TEST(JsonDump, EscapesWhatMustBe) {
  EXPECT_EQ(Json(std::string("\"\\/\b\f\n\r\t\x01\x1f\x7f\0z", 13)).dump(),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\"");
  EXPECT_EQ(Json("é€😀").dump(), "\"é€😀\"");
}

TEST(JsonDump, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(Json("a\xff"
                 "b\xc3")
                .dump(),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"");
  EXPECT_EQ(Json("\xed\xa0\x80").dump(), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonDump, DoublesStayDoublesAndExact) {
  EXPECT_EQ(Json(1.0).dump(), "1.0");
  EXPECT_EQ(Json(-0.0).dump(), "-0.0");
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(1e300).dump(), "1e+300");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(-std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(JsonDump, Indents) {
  EXPECT_EQ(parsed(R"({"a":[1,{}],"b":[]})").dump_indented(),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

TEST(JsonParse, IntegersAreExactToTheirEnds) {
  const Json numbers = parsed(
      "[-9223372036854775808, 9223372036854775807, 18446744073709551615, 18446744073709551616, "
      "-0]");
  EXPECT_EQ(numbers.items()[0].if_int64(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(numbers.items()[1].if_int64(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(numbers.items()[2].if_uint64(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(numbers.items()[3].kind(), Json::Kind::kDouble);
  EXPECT_EQ(numbers.items()[4].if_int64(), 0);
}

TEST(JsonParse, StringsAreDecoded) {
  EXPECT_EQ(*parsed(R"("\u00e9\ud83d\ude00\n\/")").if_string(), "é😀\n/");
  EXPECT_EQ(*parsed(R"("a\u0000b")").if_string(), std::string("a\0b", 3));
  EXPECT_TRUE(parsed("\xef\xbb\xbf null ").is_null());
}

TEST(JsonParse, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "[1,]",
                           "[1 2]",
                           "{\"a\":}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "'a'",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "--1",
                           "0x10",
                           "NaN",
                           "Infinity",
                           "[",
                           "{",
                           "\"abc",
                           "1 2",
                           "[]]",
                           "// c\n1",
                           "/* c */ 1",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\xe2\x82\"",
                           "\xff\xfe[",
                           "1e999",
                           "-1e999"}) {
    const Status status = refused(text);
    EXPECT_EQ(status.code(), Code::kCorrupt) << text;
    EXPECT_THAT(status.message(), StartsWith("line 1, column ")) << text;
  }
}

TEST(JsonParse, MessagesSayWhereAndWhatWasExpected) {
  EXPECT_EQ(refused("{\n  \"a\" 1\n}").message(),
            "line 2, column 7: syntax error while parsing object separator - unexpected number "
            "literal; expected ':', near '{?  \"a\" 1'");
  EXPECT_THAT(refused("[1,").message(), StartsWith("line 1, column 4: "));
  EXPECT_THAT(refused("[1,").message(), HasSubstr("unexpected end of input; expected"));
  EXPECT_THAT(refused("[tru]").message(), HasSubstr("invalid literal"));
}

TEST(JsonParse, MessagesAreShortForLongTokens) {
  const std::string text = "\"" + std::string(1 << 20, 'x') + "\n\"";
  EXPECT_LT(refused(text).message().size(), 300u) << refused(text).message();
  EXPECT_LT(refused("1e" + std::string(1 << 20, '9')).message().size(), 300u);
  // Found by the fuzzer: a token that imitates the end of the parser's own message.
  const Status imitation = refused("\"'; expected " + std::string(500, 'z') + "\n");
  EXPECT_LT(imitation.message().size(), 300u) << imitation.message();
  const std::string key(1 << 20, 'k');
  EXPECT_LT(refused("{\"" + key + "\":1,\"" + key + "\":2}").message().size(), 300u);
}

TEST(JsonParse, DuplicateKeysAreRefusedWhereTheyStand) {
  const Status status = refused("{\"a\":1,\n \"b\":2,\n \"a\":3}");
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_EQ(status.message(), "line 3, column 4: expected each key once, found a second \"a\"");
  std::string many = "{";
  for (int i = 0; i < 20; ++i) many += (Text() << "\"" << i << "\":0,").str();
  EXPECT_THAT(refused(many + "\n\"13\":0}").message(), StartsWith("line 2, column 4: "));
  EXPECT_EQ(parsed(R"({"a":{"a":1}})").dump(), R"({"a":{"a":1}})");  // other levels are others
}

TEST(JsonParse, DepthLimitIsExact) {
  const auto nested = [](int depth) {
    return std::string(size_t(depth), '[') + std::string(size_t(depth), ']');
  };
  const JsonLimits limits{.depth_max = 5};
  EXPECT_TRUE(parse_json(nested(5), limits).ok());
  const Status status = refused(nested(6), limits);
  EXPECT_EQ(status.code(), Code::kExhausted);
  EXPECT_EQ(status.message(),
            "line 1, column 6: expected at most 5 levels of arrays and objects, found more");
  EXPECT_TRUE(parse_json(nested(64)).ok());
  EXPECT_FALSE(parse_json(nested(65)).ok());
  EXPECT_TRUE(parse_json("1", {.depth_max = 0}).ok());
  EXPECT_FALSE(parse_json("[]", {.depth_max = 0}).ok());
  // Ten million open brackets: refused at the limit, without a look at the rest.
  EXPECT_EQ(refused(std::string(10000000, '[')).code(), Code::kExhausted);
}

TEST(JsonParse, ValueAndByteLimitsAreExact) {
  EXPECT_TRUE(parse_json("[1,2,[]]", {.values_max = 4}).ok());
  EXPECT_EQ(refused("[1,2,[3]]", {.values_max = 4}).code(), Code::kExhausted);
  EXPECT_EQ(refused("[1,2,3,4]", {.values_max = 4}).code(), Code::kExhausted);
  EXPECT_TRUE(parse_json("[10]", {.bytes_max = 4}).ok());
  const Status status = refused("[100]", {.bytes_max = 4});
  EXPECT_EQ(status.code(), Code::kExhausted);
  EXPECT_EQ(status.message(), "expected at most 4 B of JSON, found 5 B");
}

// Random values in, the same values out.
class RandomJson {
 public:
  explicit RandomJson(Rng& rng) : rng_(rng) {}
  Json value(int depth) {
    switch (rng_.below(depth > 0 ? 8 : 6)) {
      case 0:
        return Json();
      case 1:
        return Json(rng_.bernoulli(0.5));
      case 2:
        return Json(int64_t(rng_.u64() >> rng_.below(64)));
      case 3:
        return Json(rng_.u64() >> rng_.below(64));
      case 4:
        return Json(std::ldexp(rng_.uniform() - 0.5, int(rng_.between(-1000, 1000))));
      case 5:
        return Json(text());
      case 6: {
        Json array = Json::array();
        for (uint64_t n = rng_.below(6); n > 0; --n) array.push_back(value(depth - 1));
        return array;
      }
      default: {
        Json object = Json::object();
        for (uint64_t n = rng_.below(20); n > 0; --n) object.set(text(), value(depth - 1));
        return object;
      }
    }
  }

 private:
  std::string text() {
    static constexpr const char* kPieces[] = {"a",    "Z", "\"", "\\", "\n",
                                              "\x01", "é", "€",  "😀",  " "};
    std::string text;
    for (uint64_t n = rng_.below(8); n > 0; --n) text += kPieces[rng_.below(std::size(kPieces))];
    return text;
  }

  Rng& rng_;
};

TEST(JsonParse, RoundTripsRandomValues) {
  Rng rng(test::seed("json round trip"));
  RandomJson random(rng);
  for (int i = 0; i < 500; ++i) {
    const Json value = random.value(5);
    const std::string text = value.dump();
    const Result<Json> again = parse_json(text);
    ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << text;
    ASSERT_EQ(*again, value) << text;
    ASSERT_EQ(again->dump(), text);
    ASSERT_EQ(parsed(value.dump_indented(1)), value);
  }
}

// Every prefix, and every byte changed: an answer, never a crash, and no internal error.
TEST(JsonParse, DamagedTextIsAnAnswer) {
  Rng rng(test::seed("json damage"));
  const std::string text =
      RandomJson(rng).value(4).dump() + R"(,{"a":[1,-2.5e3,"\u00e9"],"b":null})";
  const std::string whole = "[" + text.substr(0, 3000) + "]";
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = char(rng.u32());
    for (const Result<Json>& result : {parse_json(damaged), parse_json(whole.substr(0, i))}) {
      EXPECT_NE(result.status().code(), Code::kInternal) << result.status().message();
      EXPECT_LT(result.status().message().size(), 300u);
    }
  }
}

}  // namespace
}  // namespace llmos
