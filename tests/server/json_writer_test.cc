// SPDX-License-Identifier: Apache-2.0
#include "server/json_writer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "server/utf8.h"
#include "support/test_seed.h"

namespace server {
namespace {

TEST(JsonWriter, WritesWhatWasSaid) {
  JsonWriter json;
  json.open('{').key("a").value(1).key("b").open('[').value("x").value(true).null();
  json.open('{').close('}').value(1.5).value(INFINITY).close(']').key("c").raw("[0]").close('}');
  EXPECT_EQ(json.str(), R"({"a":1,"b":["x",true,null,{},1.5,null],"c":[0]})");
}

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, EscapesWhatAStringMayNotHold) {
  EXPECT_EQ(as_json("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(as_json(std::string_view("\0\x1f\x7f", 3)), R"("\u0000\u001f\u007f")");
  EXPECT_EQ(as_json("grüß \U0001F600"), "\"grüß \U0001F600\"");
  EXPECT_EQ(as_json("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(as_json("\xE2\x82"), "\"\uFFFD\uFFFD\"");
  EXPECT_EQ(as_json("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");  // a surrogate
}

// An oracle: another library reads it, and what was UTF-8 comes back as it was.
TEST(JsonWriter, IsReadBackByAnother) {
  std::mt19937_64 random(llmos::test::seed("json writer"));
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 20, '\0');
    for (char& c : bytes) c = char(random() % 4 ? random() % 256 : 0xC0 + random() % 64);
    bool valid = true;
    for (size_t at = 0; at < bytes.size() && valid;) {
      const size_t step = utf8_character_bytes(std::string_view(bytes).substr(at));
      valid = step > 0;
      at += step;
    }
    const auto read = nlohmann::json::parse(as_json(bytes));  // throws where it is no JSON
    if (valid) {
      EXPECT_EQ(read.get<std::string>(), bytes);
    }
  }
}

}  // namespace
}  // namespace server
