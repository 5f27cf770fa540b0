// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "text/pretokenizer.h"
#include "text/pretokenizer_patterns.h"

namespace llmos {
namespace {

using Kind = PretokenizerStep::Kind;
using Behavior = PretokenizerStep::Behavior;
using Steps = std::vector<PretokenizerStep>;

PretokenizerStep split_regex(std::string_view pattern) {
  PretokenizerStep step{.kind = Kind::kSplitRegex};
  step.pattern = pattern;
  return step;
}

PretokenizerStep byte_level(bool use_regex) {
  PretokenizerStep step{.kind = Kind::kByteLevel};
  step.use_regex = use_regex;
  return step;
}

PretokenizerStep digits(bool individual) {
  PretokenizerStep step{.kind = Kind::kDigits};
  step.individual = individual;
  return step;
}

PretokenizerStep punctuation(Behavior behavior) {
  PretokenizerStep step{.kind = Kind::kPunctuation};
  step.behavior = behavior;
  return step;
}

// Split at every pattern in turn, then bytes.
Steps splits(std::initializer_list<std::string_view> patterns) {
  Steps steps;
  for (const std::string_view pattern : patterns) steps.push_back(split_regex(pattern));
  steps.push_back(byte_level(false));
  return steps;
}

Steps gpt2() { return {byte_level(true)}; }
Steps llama3() { return splits({kLlama3Pattern}); }
Steps qwen2() { return splits({kQwen2Pattern}); }
Steps qwen35() { return splits({kQwen35Pattern}); }
Steps starcoder() { return {digits(true), byte_level(true)}; }
Steps tekken() { return splits({kTekkenPattern}); }
Steps gpt4o() { return splits({kGpt4oPattern}); }
Steps tiny_aya() { return splits({R"(\d{1,3}(?=(?:\d{3})*\b))", kGpt4oPattern}); }
Steps poro() { return splits({kPoroPattern}); }
Steps viking() { return splits({kPoroPattern, R"(\p{N})"}); }
Steps deepseek3() { return splits({R"(\p{N}{1,3})", kDeepseek3Cjk, kDeepseek3Pattern}); }
Steps superbpe() { return splits({R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}); }
Steps seed_coder() { return splits({kSeedCoderPattern}); }
Steps bailing() { return splits({kBailingPattern}); }

Steps falcon() {
  return {punctuation(Behavior::kContiguous), byte_level(true), digits(false),
          split_regex("[0-9][0-9][0-9]")};
}

Steps deepseek_llm() {
  return {
      split_regex("[\r\n]"), split_regex(kDeepseekLlmLetters), split_regex(kDeepseekLlmPunctuation),
      split_regex("\\s+$"),  split_regex(kDeepseekCjk),        digits(true),
      byte_level(false)};
}

Steps deepseek_coder() {
  return {split_regex("[\r\n]"),
          split_regex("\\s?\\p{L}+"),
          split_regex("\\s?\\p{P}+"),
          split_regex(kDeepseekCjk),
          digits(true),
          byte_level(false)};
}

// What llama.cpp does where a file names nothing.
Steps unnamed() {
  return splits({R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", "[0-9][0-9][0-9]"});
}

struct Named {
  std::string_view name;
  Steps (*steps)();
};

constexpr Named kNames[] = {
    {"default", unnamed},
    {"llama3", llama3},
    {"llama-v3", llama3},
    {"llama-bpe", llama3},
    {"falcon3", llama3},
    {"falcon-h1", llama3},
    {"pixtral", llama3},
    {"midm-2.0", llama3},
    {"lfm2", llama3},
    {"dbrx", llama3},
    {"smaug-bpe", llama3},
    {"glm4", llama3},
    {"chatglm-bpe", llama3},
    {"deepseek-llm", deepseek_llm},
    {"deepseek-coder", deepseek_coder},
    {"deepseek-v3", deepseek3},
    {"hunyuan-dense", deepseek3},
    {"joyai-llm", deepseek3},
    {"falcon", falcon},
    {"starcoder", starcoder},
    {"refact", starcoder},
    {"command-r", starcoder},
    {"smollm", starcoder},
    {"codeshell", starcoder},
    {"exaone", starcoder},
    {"minerva-7b", starcoder},
    {"gpt-2", gpt2},
    {"gpt2", gpt2},
    {"phi-2", gpt2},
    {"mpt", gpt2},
    {"olmo", gpt2},
    {"jais", gpt2},
    {"trillion", gpt2},
    {"granite-docling", gpt2},
    {"jina-es", gpt2},
    {"jina-de", gpt2},
    {"jina-v2-es", gpt2},
    {"jina-v2-de", gpt2},
    {"jina-v1-en", gpt2},
    {"jina-v2-code", gpt2},
    {"roberta-bpe", gpt2},
    {"gigachat", gpt2},
    {"a.x-4.0", gpt2},
    {"mellum", gpt2},
    {"exaone4", gpt2},
    {"modern-bert", gpt2},
    {"qwen2", qwen2},
    {"deepseek-r1-qwen", qwen2},
    {"kormo", qwen2},
    {"megrez", qwen2},
    {"stablelm2", qwen2},
    {"hunyuan", qwen2},
    {"grok-2", qwen2},
    {"solar-open", qwen2},
    {"qwen35", qwen35},
    {"tekken", tekken},
    {"gpt-4o", gpt4o},
    {"llama4", gpt4o},
    {"kanana2", gpt4o},
    {"minimax-m2", gpt4o},
    {"tiny_aya", tiny_aya},
    {"poro-chat", poro},
    {"bloom", poro},
    {"gpt3-finnish", poro},
    {"viking", viking},
    {"superbpe", superbpe},
    {"seed-coder", seed_coder},
    {"bailingmoe", bailing},
    {"bailingmoe2", bailing},
    {"llada-moe", bailing},
};

}  // namespace

std::optional<Steps> named_pretokenizer(std::string_view name) {
  const auto found = std::ranges::find(kNames, name, &Named::name);
  if (found == std::end(kNames)) return std::nullopt;
  return found->steps();
}

}  // namespace llmos
