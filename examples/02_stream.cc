// SPDX-License-Identifier: Apache-2.0
// Text as it comes, then what it took.
#include <llmos/llmos.h>

#include <cstdio>

int main(int argc, char** argv) {
  auto engine = llmos::Engine::open(argc > 1 ? argv[1] : "model.gguf");
  if (!engine.ok()) return std::puts(engine.status().to_string().c_str()), 1;
  auto stream = engine->submit({.prompt = "Once upon a time",
                                .sampling = {.temperature = 0.8f, .top_p = 0.95f, .seed = 42},
                                .tokens_max = 48,
                                .stop = {"\n\n"}});
  if (!stream.ok()) return std::puts(stream.status().to_string().c_str()), 1;
  while (const auto chunk = stream->next()) {
    std::fwrite(chunk->text.data(), 1, chunk->text.size(), stdout);
    std::fflush(stdout);
  }
  const auto reply = stream->wait();
  if (!reply.ok()) return std::puts(reply.status().to_string().c_str()), 1;
  const llmos::Usage& usage = reply->usage;
  std::printf("\n[%u tokens in, %u out; first after %lld ms, all after %lld ms]\n",
              usage.prompt_tokens, usage.output_tokens, (long long)usage.first_token.count(),
              (long long)usage.total.count());
}
