// SPDX-License-Identifier: Apache-2.0
// A scheduling policy of one's own: short prompts first, and nobody is overtaken for ever.
#include <llmos/llmos.h>

#include <cstdio>
#include <string>
#include <vector>

class ShortestPrompt : public llmos::SchedulingPolicy {
 public:
  llmos::SchedulingRank rank(const llmos::SequenceView& sequence,
                             const llmos::SchedulingCosts&) override {
    ++asked;
    const double waited = sequence.now - sequence.last_service;
    constexpr double kTokensPerSecond = 100;  // a second of waiting outweighs so many tokens
    return {.key = double(sequence.prompt_tokens) - kTokensPerSecond * waited};
  }
  int asked = 0;
};

int main(int argc, char** argv) {
  ShortestPrompt policy;  // outlives the engine
  auto engine = llmos::Engine::open(argc > 1 ? argv[1] : "model.gguf",
                                    {.scheduler = {.custom = &policy, .sequences_max = 2}});
  if (!engine.ok()) return std::puts(engine.status().to_string().c_str()), 1;
  std::vector<llmos::Stream> streams;
  for (const int words : {16, 1, 8, 2, 4}) {
    std::string prompt;
    for (int i = 0; i < words; ++i) prompt += "word ";
    auto stream = engine->submit({.prompt = prompt, .tokens_max = 8});
    if (!stream.ok()) return std::puts(stream.status().to_string().c_str()), 1;
    streams.push_back(*std::move(stream));
  }
  for (llmos::Stream& stream : streams) {
    const auto reply = stream.wait();
    if (!reply.ok()) return std::puts(reply.status().to_string().c_str()), 1;
    std::printf("%u prompt tokens: first token after %lld ms\n", reply->usage.prompt_tokens,
                (long long)reply->usage.first_token.count());
  }
  if (!engine->drain(llmos::Millis(1000)).ok()) return 1;
  return policy.asked > 0 ? 0 : 1;
}
