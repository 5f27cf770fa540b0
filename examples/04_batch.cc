// SPDX-License-Identifier: Apache-2.0
// A thousand requests, one thread: the engine batches them, a list tells who has something to read.
#include <llmos/llmos.h>

#include <cstdio>
#include <map>
#include <string>

class ReadyList : public llmos::Readiness {
 public:
  void ready(uint64_t request) noexcept override { requests_.push(uint64_t(request)); }
  uint64_t next() { return *requests_.pop(); }

 private:
  llmos::MpscQueue<uint64_t> requests_{1 << 16};
};

int main(int argc, char** argv) {
  auto engine = llmos::Engine::open(argc > 1 ? argv[1] : "model.gguf");
  if (!engine.ok()) return std::puts(engine.status().to_string().c_str()), 1;
  ReadyList ready;
  std::map<uint64_t, llmos::Stream> streams;
  for (int i = 0; i < 1000; ++i) {
    auto stream = engine->submit({.prompt = "Item " + std::to_string(i) + ":",
                                  .sampling = {.seed = uint64_t(i)},
                                  .tokens_max = 8,
                                  .readiness = &ready});
    if (!stream.ok()) return std::puts(stream.status().to_string().c_str()), 1;
    const uint64_t id = stream->id();
    streams.emplace(id, *std::move(stream));
  }
  size_t bytes = 0;
  while (!streams.empty()) {
    const auto found = streams.find(ready.next());
    if (found == streams.end()) continue;  // told again after its end
    while (const auto chunk = found->second.try_next()) bytes += chunk->text.size();
    if (found->second.ended()) streams.erase(found);
  }
  const llmos::Metrics metrics = engine->metrics();
  std::printf("%llu requests, %llu tokens, %zu bytes of text in %llu steps\n",
              (unsigned long long)metrics.completed, (unsigned long long)metrics.output_tokens,
              bytes, (unsigned long long)metrics.steps);
  return metrics.completed == 1000 ? 0 : 1;
}
