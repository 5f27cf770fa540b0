// SPDX-License-Identifier: Apache-2.0
// Tables of small templates and what the original makes of them: each row was rendered by jinja2 in
// the environment of tests/golden/chat_reference.py, on the variables below.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"
#include "text/chat_template.h"

namespace llmos::jinja {

inline constexpr const char* kVariables = R"json({
  "s": "Hello World", "u": "Zażółć 天気", "l": [3, 1, 2], "ls": ["b", "A", "c"],
  "lm": [1, "a", null, 2.0, ""], "d": {"a": 1, "b": [1, 2]}, "own": {"items": "mine"},
  "ld": [{"k": "x", "v": 1}, {"k": "Y", "v": 2}, {"k": "x", "v": 3, "w": {"q": 5}}],
  "big": 9223372036854775808, "html": "<a href='x'>\"&</a>"})json";

// 2024-11-21 14:34:56.789012
inline constexpr ChatTime kNow{std::chrono::microseconds(1732199696789012)};

inline Result<std::string> render(std::string_view source, const ChatTemplateLimits& limits = {}) {
  const Result<ChatTemplate> parsed = ChatTemplate::parse(source, limits);
  if (!parsed.ok()) return parsed.status();
  return parsed->render(parse_json(kVariables).value(), kNow);
}

// Views, because compilers take long over tables of strings.
struct Row {
  std::string_view source;
  std::string_view expected;
};

inline void expect_rendered(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const Result<std::string> text = render(row.source);
    EXPECT_EQ(text.ok() ? *text : std::string(text.status().message()), row.expected) << row.source;
  }
}

inline std::string printing(std::string_view expression) {
  return "{{ " + std::string(expression) + " }}";
}

// Rows of expressions, printed.
inline void expect_texts(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const std::string source = printing(row.source);
    expect_rendered({{source, row.expected}});
  }
}

// Rows of whole templates that the original refuses, too, with the message that we give.
inline void expect_refused(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const Result<std::string> text = render(row.source);
    ASSERT_FALSE(text.ok()) << row.source << " gave " << *text;
    EXPECT_EQ(text.status().message(), row.expected) << row.source;
  }
}

// Rows of expressions that the original refuses, too; `expected` is a part of our message.
inline void expect_failures(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const Result<std::string> text = render(printing(row.source));
    ASSERT_FALSE(text.ok()) << row.source << " gave " << *text;
    EXPECT_THAT(text.status().message(), ::testing::HasSubstr(std::string(row.expected)))
        << row.source;
  }
}

}  // namespace llmos::jinja
