// SPDX-License-Identifier: Apache-2.0
// A conversation: every turn sends all of it, and the engine remembers what it has computed.
// Reads lines until the end of the input.
#include <llmos/llmos.h>

#include <iostream>
#include <string>

int main(int argc, char** argv) {
  auto engine = llmos::Engine::open(argc > 1 ? argv[1] : "model.gguf");
  if (!engine.ok()) return std::cerr << engine.status().to_string() << '\n', 1;
  if (!engine->tokenizer().has_chat_template()) {
    return std::cout << "this model has no chat template\n", 0;
  }
  std::vector<llmos::Message> messages{{.role = "system", .content = "Answer in one sentence."}};
  for (std::string line; std::cout << "> " << std::flush, std::getline(std::cin, line);) {
    messages.push_back({.role = "user", .content = line});
    auto stream = engine->submit({.prompt = messages, .tokens_max = 64});
    if (!stream.ok()) return std::cerr << stream.status().to_string() << '\n', 1;
    while (const auto chunk = stream->next()) std::cout << chunk->text << std::flush;
    const auto reply = stream->wait();
    if (!reply.ok()) return std::cerr << reply.status().to_string() << '\n', 1;
    messages.push_back({.role = "assistant", .content = reply->text});
    std::cout << '\n';
  }
}
