// SPDX-License-Identifier: Apache-2.0
#include "base/json_cursor.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

class JsonCursorTest : public ::testing::Test {
 protected:
  const Json json_ = *parse_json(R"({
    "layers": [{"size": 1}, {"size": 2}, {"size": 3}, {"size": "big"}],
    "eps": 1e-5, "tied": false, "scaling": null, "name": "qwen", "vocab": 18446744073709551615,
    "odd key": {"x": "y"}, "heads": 5000, "negative": -4})");
  const JsonCursor config_{json_, "config"};
};

template <class T>
std::string error_of(const Result<T>& result) {
  return result.ok() ? "no error" : result.status().to_string();
}

TEST_F(JsonCursorTest, ReadsEveryType) {
  EXPECT_EQ(*config_["layers"][2]["size"].integer(), 3);
  EXPECT_EQ(config_["layers"][2].path(), "config.layers[2]");
  EXPECT_EQ(*config_["eps"].number(), 1e-5);
  EXPECT_EQ(*config_["heads"].number(), 5000.0);
  EXPECT_EQ(*config_["tied"].boolean(), false);
  EXPECT_EQ(*config_["name"].string(), "qwen");
  EXPECT_EQ(*config_["vocab"].natural(), ~uint64_t{0});
  EXPECT_EQ(config_["layers"].items()->size(), 4u);
  EXPECT_EQ((*config_["odd key"].members())[0].key, "x");
}

TEST_F(JsonCursorTest, WrongTypeNamesThePlace) {
  EXPECT_EQ(error_of(config_["layers"][3]["size"].integer()),
            "invalid: config.layers[3].size: expected an integer, found a string");
  EXPECT_EQ(error_of(config_["eps"].integer()),
            "invalid: config.eps: expected an integer, found a number");
  EXPECT_EQ(error_of(config_["layers"].boolean()),
            "invalid: config.layers: expected a boolean, found an array");
  EXPECT_EQ(error_of(config_["odd key"].number()),
            "invalid: config[\"odd key\"]: expected a number, found an object");
  EXPECT_EQ(error_of(config_["heads"].string()),
            "invalid: config.heads: expected a string, found an integer");
  EXPECT_EQ(error_of(config_["tied"].items()),
            "invalid: config.tied: expected an array, found a boolean");
  EXPECT_EQ(error_of(config_["layers"].members()),
            "invalid: config.layers: expected an object, found an array");
}

TEST_F(JsonCursorTest, NothingThereNamesThePlace) {
  EXPECT_EQ(error_of(config_["rope"]["theta"].number()),
            "not found: config.rope.theta: expected a number, found nothing");
  EXPECT_EQ(error_of(config_["layers"][4]["size"].integer()),
            "not found: config.layers[4].size: expected an integer, found nothing");
  EXPECT_EQ(error_of(config_["scaling"].number()),
            "not found: config.scaling: expected a number, found nothing");
  EXPECT_FALSE(config_["scaling"].present());
  EXPECT_FALSE(config_["none"].present());
  EXPECT_TRUE(config_["eps"].present());
}

TEST_F(JsonCursorTest, AStepThroughTheWrongTypeIsAnErrorEvenForOptionalFields) {
  const char* expected = "invalid: config.name: expected an object, found a string";
  EXPECT_EQ(error_of(config_["name"]["first"]["letter"].integer()), expected);
  EXPECT_EQ(error_of(config_["name"]["first"].integer_or(3)), expected);
  EXPECT_EQ(error_of(config_["name"][0].string()),
            "invalid: config.name: expected an array, found a string");
}

TEST_F(JsonCursorTest, RangesAreChecked) {
  EXPECT_EQ(*config_["heads"].integer(5000, 5000), 5000);
  EXPECT_EQ(error_of(config_["heads"].integer(1, 1024)),
            "invalid: config.heads: expected an integer from 1 to 1024, found 5000");
  EXPECT_EQ(error_of(config_["negative"].natural(9)),
            "invalid: config.negative: expected an integer from 0 to 9, found -4");
  EXPECT_FALSE(config_["vocab"].integer().ok());
  EXPECT_FALSE(config_["heads"].natural(4999).ok());
}

TEST_F(JsonCursorTest, OptionalFieldsHaveTheirDefault) {
  EXPECT_EQ(*config_["none"].integer_or(7), 7);
  EXPECT_EQ(*config_["heads"].integer_or(7), 5000);
  EXPECT_EQ(*config_["scaling"].number_or(0.5), 0.5);
  EXPECT_EQ(*config_["none"]["deeper"].boolean_or(true), true);
  EXPECT_EQ(*config_["none"].natural_or(9), 9u);
  EXPECT_EQ(*config_["none"].string_or("x"), "x");
  EXPECT_FALSE(config_["name"].integer_or(7).ok());
  EXPECT_FALSE(config_["heads"].integer_or(7, 0, 10).ok());
}

TEST_F(JsonCursorTest, ReadersReportTheirOwnRules) {
  EXPECT_EQ(config_["name"].error("one of llama, mistral").to_string(),
            "invalid: config.name: expected one of llama, mistral, found \"qwen\"");
}

}  // namespace
}  // namespace llmos
