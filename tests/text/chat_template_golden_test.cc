// SPDX-License-Identifier: Apache-2.0
// What transformers' apply_chat_template makes of ten templates of ours and, where the data folder
// is present, of seventeen public ones; see tests/golden/make_templates.py.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/os_file.h"
#include "text/chat_template.h"

namespace llmos {
namespace {

const std::string kGolden = LLMOS_SOURCE_DIR "/tests/golden/templates/";
const std::string kPublic = LLMOS_SOURCE_DIR "/../shared/data/chat-templates/";

// 2024-11-21 14:34:56.789012, as in tests/golden/chat_reference.py.
constexpr ChatTime kNow{std::chrono::microseconds(1732199696789012)};

std::string content(const std::string& path) {
  const Result<std::string> text = os::read_file(path, 1 << 20);
  EXPECT_TRUE(text.ok()) << text.status().to_string();
  return text.ok() ? *text : "";
}

Json json(const std::string& path) { return parse_json(content(path)).value(); }

std::string fnv1a(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001B3;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

// The text, the message of raise_exception(), or "error" for what fails otherwise.
struct Outcome {
  const char* kind;
  std::string said;
};

Outcome outcome(const std::string& source, const Json& context) {
  const Result<ChatTemplate> parsed = ChatTemplate::parse(source);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  const Result<std::string> text = parsed->render(context, kNow);
  if (text.ok()) return {"text", *text};
  if (text.status().code() == Code::kInvalid && !text.status().message().starts_with("line ")) {
    return {"raised", std::string(text.status().message())};
  }
  return {"error", "error"};
}

// Calls `check(name, outcome)` for each conversation, without and with a generation prompt.
template <class Check>
void for_each_conversation(const std::string& source, const Check& check) {
  const Json conversations = json(kGolden + "conversations.json");
  for (const JsonMember& conversation : conversations.members()) {
    for (const bool prompt : {false, true}) {
      Json context = Json::object();
      context.set("bos_token", "<s>");
      context.set("eos_token", "</s>");
      context.set("add_generation_prompt", prompt);
      for (const JsonMember& member : conversation.value.members()) {
        context.set(member.key, member.value);
      }
      check(conversation.key + (prompt ? "+prompt" : ""), outcome(source, context));
    }
  }
}

TEST(ChatTemplateGolden, OwnTemplatesGiveTheOriginalsTexts) {
  const Json golden = json(kGolden + "golden.json");
  EXPECT_EQ(golden.members().size(), 10u);
  for (const JsonMember& own : golden.members()) {
    for_each_conversation(
        content(kGolden + own.key), [&](const std::string& name, const Outcome& made) {
          SCOPED_TRACE(own.key + " " + name);
          const Json* const expected = own.value.find(name)->find(made.kind);
          ASSERT_TRUE(expected) << "another outcome: " << made.kind << ": " << made.said;
          if (expected->if_string()) {
            EXPECT_EQ(made.said, *expected->if_string());
          }
        });
  }
}

TEST(ChatTemplateGolden, PublicTemplatesGiveTheOriginalsTexts) {
  if (!std::filesystem::exists(kPublic)) GTEST_SKIP() << "no " << kPublic;
  const Json golden = json(kGolden + "public.json");
  EXPECT_EQ(golden.members().size(), 17u);
  for (const JsonMember& one : golden.members()) {
    const std::string source = content(kPublic + one.key);
    ASSERT_EQ(fnv1a(source), *one.value.find("source")->if_string()) << one.key << " has changed";
    for_each_conversation(source, [&](const std::string& name, const Outcome& made) {
      EXPECT_EQ(fnv1a(made.said), *one.value.find(name)->if_string())
          << one.key << " " << name << " " << made.kind << ": " << made.said;
    });
  }
}

}  // namespace
}  // namespace llmos
