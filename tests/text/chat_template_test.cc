// SPDX-License-Identifier: Apache-2.0
// The border of the template engine: contexts, clocks, threads and limits. What the language means
// is tested in jinja/, and against the original in chat_template_golden_test.cc.
#include "text/chat_template.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>
#include <vector>

#include "text/jinja/render.h"

namespace llmos {
namespace {

using jinja::render;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(ChatTemplate, SetsWhatTransformersAlwaysPasses) {
  EXPECT_EQ(render("{{ tools }} {{ documents }} {{ add_generation_prompt }}").value(),
            "None None False");
  const ChatTemplate parsed = ChatTemplate::parse("{{ tools }}{{ x }}").value();
  EXPECT_EQ(parsed.render(Json(), {}).value(), "None");
  EXPECT_EQ(parsed.render(parse_json(R"({"tools": 1, "x": "é"})").value(), {}).value(), "1é");
  EXPECT_EQ(parsed.render(Json(7), {}).status().code(), Code::kInvalid);
}

TEST(ChatTemplate, TellsWhatIsWrong) {
  EXPECT_EQ(render("{{").status().code(), Code::kCorrupt);
  EXPECT_EQ(render("\xFF").status().code(), Code::kCorrupt);
  EXPECT_EQ(render("\n{% include 'a' %}").status().code(), Code::kUnsupported);
  EXPECT_THAT(render("\n{% include 'a' %}").status().message(), StartsWith("line 2: "));
  EXPECT_EQ(render("{{ 'a'.format(1) }}").status().code(), Code::kUnsupported);
  EXPECT_EQ(render("{{ 10 ** 40 }}").status().code(), Code::kExhausted);
  EXPECT_EQ(render("{{ 1 / 0 }}").status().code(), Code::kInvalid);
  // Our own messages stay short; the template's own stays whole.
  const std::string name(100'000, 'n');
  EXPECT_LT(render("{{ " + name + ".x }}").status().message().size(), 400u);
  EXPECT_EQ(render("{{ raise_exception('" + name + "') }}").status().message(), name);
}

TEST(ChatTemplate, RendersFromManyThreads) {
  const ChatTemplate parsed =
      ChatTemplate::parse("{% for x in range(n) %}{{ x }}{{ loop.last }}{% endfor %}").value();
  const Json context = parse_json(R"({"n": 200})").value();
  const std::string expected = parsed.render(context, {}).value();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) EXPECT_EQ(parsed.render(context, {}).value(), expected);
    });
  }
}

// Limits that keep the tests quick; the defaults only have larger numbers.
constexpr ChatTemplateLimits kLimits{.steps_max = 1'000'000,
                                     .output_bytes_max = 1 << 20,
                                     .memory_bytes_max = 16 << 20,
                                     .depth_max = 1000};

void expect_exhausted(const std::string& source) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<std::string> text = render(source, kLimits);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const std::string shown = source.substr(0, 100);
  ASSERT_FALSE(text.ok()) << shown;
  EXPECT_EQ(text.status().code(), Code::kExhausted) << shown << ": " << text.status().to_string();
  EXPECT_LT(seconds.count(), 10) << shown;  // a tenth of a second, and what sanitizers cost
}

TEST(ChatTemplateLimits, BoundSteps) {
  for (const char* const source : {
           "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}",
           "{% for x in range(99999) %}{% for y in range(99999) if false %}{% endfor %}{% endfor "
           "%}",
           "{% for x in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
           "{% for x in range(99999) %}{{ 0.5 in range(99999) }}{% endfor %}",
           "{% for x in range(99999) %}{{ range(99999) | reject | list }}{% endfor %}",
           "{% macro f(n) %}{% for x in range(9) %}{{ f(n) }}{% endfor %}{% endmacro %}{{ f(1) }}",
           "{% set s = 'a' * 1000000 %}{% for x in range(99999) %}{{ s.count('b') }}{% endfor %}",
           "{% set s = 'a' * 500000 %}{{ s.count('a' * 250000 ~ 'b') }}"
           "{% for x in range(9999) %}{% if s == s ~ '' %}{% endif %}{% endfor %}",
       }) {
    expect_exhausted(source);
  }
}

// As the original's sandbox, with its words.
TEST(ChatTemplateLimits, BoundRanges) {
  for (const char* const source :
       {"{% for x in range(100001) %}{% endfor %}", "{{ range(10 ** 12) | sum }}",
        "{{ range(0, -100001, -1) | list }}"}) {
    const Result<std::string> text = render(source, kLimits);
    EXPECT_EQ(text.status().code(), Code::kInvalid);
    EXPECT_THAT(text.status().message(), HasSubstr("larger than MAX_RANGE (100000)"));
  }
}

TEST(ChatTemplateLimits, BoundMemory) {
  for (const char* const source : {
           "{{ 'a' * 10 ** 10 }}",
           "{{ ('a' * 10 ** 10) | length }}",
           "{{ [0] * 10 ** 10 }}",
           "{{ (0,) * 10 ** 18 * 10 ** 18 }}",
           "{{ range(99999) | list * 9999 }}",
           "{% set n = namespace(s='ab') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
           "{% endfor %}",
           "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}"
           "{% endfor %}",
           "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] %}"
           "{% endfor %}{{ n.l | string | length }}",
           "{% set n = namespace(s='a') %}{% for i in range(99) %}"
           "{% set n.s = n.s | replace('', n.s) %}{% endfor %}",
           "{% set n = namespace(d={}) %}{% for i in range(99999) %}"
           "{% set n.d = dict(n.d, a=n.d, b=i) %}{{ n.d | tojson | length }}{% endfor %}",
           "{{ ('a,' * 1000000).split(',') }}",
       }) {
    expect_exhausted(source);
  }
}

TEST(ChatTemplateLimits, BoundWidths) {
  for (const char* const source : {
           "{{ 'a' | center(10 ** 12) }}",
           "{{ 'a'.ljust(10 ** 30) }}",
           "{{ 'a'.zfill(10 ** 12) }}",
           "{{ '\\t'.expandtabs(10 ** 12) }}",
           "{{ '%1000000000000d' % 1 }}",
           "{{ '%.999999999f' % 1 }}",
           "{{ '%*d' % (10 ** 20, 1) }}",
           "{{ ('a\\n' * 10000) | indent(10 ** 6) }}",
           "{{ 'a' | indent(10 ** 12, true) }}",
           "{{ [1] | tojson(indent=10 ** 12) }}",
           "{{ [1] | batch(10 ** 12, 0) | list }}",
           "{{ [1] | slice(10 ** 12) | list }}",
           "{{ strftime_now('%c' * 1000000) }}",
           "{{ 10 ** 10 ** 10 }}",
           "{{ 2 ** 128 }}",
       }) {
    expect_exhausted(source);
  }
}

TEST(ChatTemplateLimits, BoundOutput) {
  expect_exhausted("{% for x in range(20000) %}{{ 'a' * 100 }}{% endfor %}");
  expect_exhausted("{% for x in range(20000) %}" + std::string(100, 'a') + "{% endfor %}");
  EXPECT_EQ(render("{{ 'a' * 400000 }}", kLimits).value().size(), 400'000u);
}

TEST(ChatTemplateLimits, BoundRecursion) {
  expect_exhausted("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
  expect_exhausted(
      "{% macro f() %}{{ caller is none }}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}");
  expect_exhausted("{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}");
  expect_exhausted(
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}"
      "{{ a() }}");
  // A value deeper than the stack may go: printed, compared, written as JSON.
  const std::string deep =
      "{% set n = namespace(l=[]) %}{% for i in range(2000) %}"
      "{% set n.l = [n.l] %}{% endfor %}";
  expect_exhausted(deep + "{{ n.l }}");
  expect_exhausted(deep + "{{ n.l | tojson }}");
  expect_exhausted(deep + "{{ n.l == [n.l] }}");
  expect_exhausted(deep + "{% set m = n.l %}" + deep + "{{ m < n.l }}");
}

TEST(ChatTemplateLimits, BoundNestingOfTheSource) {
  const size_t count = 20'000;
  expect_exhausted("{{ " + std::string(count, '(') + "1" + std::string(count, ')') + " }}");
  expect_exhausted("{{ " + std::string(count, '[') + std::string(count, ']') + " }}");
  expect_exhausted("{{ " + repeated("{1:", count) + "1" + std::string(count, '}') + " }}");
  expect_exhausted("{{ " + repeated("not ", count) + "1 }}");
  expect_exhausted("{{ " + repeated("-", count) + "1 }}");
  expect_exhausted("{{ " + repeated("1 if 1 else ", count) + "1 }}");
  expect_exhausted("{{ " + repeated("2 ** ", count) + "1 }}");
  expect_exhausted("{{ a" + repeated(".a", count) + " }}");
  expect_exhausted("{{ a" + repeated("|e", count) + " }}");
  expect_exhausted("{{ a" + repeated("[0]", count) + " }}");
  expect_exhausted("{{ 1" + repeated(" - 1", count) + " }}");
  expect_exhausted(repeated("{% if 1 %}", count) + repeated("{% endif %}", count));
  expect_exhausted(repeated("{% for a in b %}", count));
}

TEST(ChatTemplateLimits, BoundTheSource) {
  EXPECT_EQ(render(std::string(kLimits.source_bytes_max + 1, 'a'), kLimits).status().code(),
            Code::kExhausted);
  // Lexing and parsing take linear time, whatever is opened and not closed.
  const auto begin = std::chrono::steady_clock::now();
  for (const char* const part :
       {"{", "{{", "{%", "{#", "{{ '", "{% raw %}", " ", "\n", "{#-", "-%}", "{{ 1_", "a{", "{%-\n",
        "{{ 1 }}", "{% set a = 1 %}", "{# #}", "  {#", "{{ a }}\n \n "}) {
    (void)render(repeated(part, kLimits.source_bytes_max / std::string_view(part).size()), kLimits);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 60);
}

TEST(ChatTemplateLimits, LeaveRealWorkAlone) {
  const ChatTemplate parsed = ChatTemplate::parse(
                                  "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n"
                                  "{% endfor %}")
                                  .value();
  Json messages = Json::array();
  for (int i = 0; i < 1000; ++i) {
    Json message = Json::object();
    message.set("role", "user");
    message.set("content", std::string(1000, 'x'));
    messages.push_back(std::move(message));
  }
  Json context = Json::object();
  context.set("messages", std::move(messages));
  EXPECT_EQ(parsed.render(context, {}).value().size(), 1000u * (6 + 1000 + 1));
}

}  // namespace
}  // namespace llmos
