// SPDX-License-Identifier: Apache-2.0
#include "model/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Json kJson = parse_json(R"({"a.b": 3, "zero": 0, "half": 0.5, "yes": true, "word": "x",
    "list": [1, 2.5, true], "names": ["p", "q"], "null": null, "in": {"deep": 7, "bad": []}})")
                       .value();

TEST(Fields, ReadsWhatIsThere) {
  Fields fields(kJson, "file");
  EXPECT_EQ(fields.natural("a.b", 10), 3u);
  EXPECT_EQ(fields.natural_or("zero", 10, 4), 0u);
  EXPECT_EQ(fields.natural_or("none", 10, 4), 4u);
  EXPECT_EQ(fields.natural_or("null", 10, 4), 4u);
  EXPECT_EQ(fields.number("half"), 0.5);
  EXPECT_EQ(fields.number("a.b"), 3);
  EXPECT_EQ(fields.number_or("none", 2), 2);
  EXPECT_TRUE(fields.boolean_or("yes", false));
  EXPECT_EQ(fields.string_or("word", "y"), "x");
  EXPECT_THAT(fields.numbers("list", 3), ElementsAre(1, 2.5, 1));
  EXPECT_THAT(fields.numbers("none", 3), ElementsAre());
  EXPECT_THAT(fields.strings("names", 3), ElementsAre("p", "q"));
  EXPECT_TRUE(fields.has("zero"));
  EXPECT_FALSE(fields.has("null"));
  EXPECT_TRUE(fields.is_list("list"));
  EXPECT_FALSE(fields.is_list("word"));
  EXPECT_EQ(fields.inner("in").natural("deep", 10), 7u);
  EXPECT_TRUE(fields.ok()) << fields.status().to_string();
}

std::string error_of(const std::function<void(Fields&)>& read) {
  Fields fields(kJson, "file");
  read(fields);
  EXPECT_FALSE(fields.ok());
  return fields.status().message();
}

TEST(Fields, ErrorsNameThePlace) {
  EXPECT_EQ(error_of([](Fields& f) { f.natural("none", 9); }),
            "file.none: expected an integer, found nothing");
  EXPECT_THAT(error_of([](Fields& f) { f.natural("a.b", 2); }), HasSubstr("file.a.b: expected"));
  EXPECT_THAT(error_of([](Fields& f) { f.natural("zero", 2); }), HasSubstr("from 1 to 2"));
  EXPECT_THAT(error_of([](Fields& f) { f.natural("half", 2); }), HasSubstr("file.half"));
  EXPECT_THAT(error_of([](Fields& f) { f.number("word"); }), HasSubstr("file.word"));
  EXPECT_THAT(error_of([](Fields& f) { f.numbers("list", 2); }), HasSubstr("at most 2 values"));
  EXPECT_THAT(error_of([](Fields& f) { f.numbers("names", 2); }), HasSubstr("numbers only"));
  EXPECT_THAT(error_of([](Fields& f) { f.strings("list", 9); }), HasSubstr("strings only"));
  EXPECT_THAT(error_of([](Fields& f) { f.numbers("word", 2); }), HasSubstr("file.word"));
  EXPECT_THAT(error_of([](Fields& f) {
                Fields in = f.inner("in");
                in.natural("bad", 2);
                f.absorb(in);
              }),
              HasSubstr("file.in.bad"));
}

TEST(Fields, TheFirstErrorStays) {
  Fields fields(kJson, "file");
  EXPECT_EQ(fields.natural("first", 9), 0u);
  EXPECT_EQ(fields.natural("second", 9), 0u);
  fields.expect(false, "third", "anything");
  EXPECT_THAT(fields.status().message(), HasSubstr("first"));
  EXPECT_EQ(fields.status().code(), Code::kNotFound);
}

TEST(Fields, OfSomethingElseThanAnObjectThereIsNothing) {
  const Json list = parse_json("[1]").value();
  Fields fields(list, "file");
  EXPECT_FALSE(fields.has("a"));
  EXPECT_EQ(fields.natural_or("a", 9, 5), 5u);
  fields.natural("a", 9);
  EXPECT_FALSE(fields.ok());
}

}  // namespace
}  // namespace llmos
