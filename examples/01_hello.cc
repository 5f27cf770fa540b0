// SPDX-License-Identifier: Apache-2.0
// The first program: one question, one answer.
#include <llmos/llmos.h>

#include <cstdio>

int main(int argc, char** argv) {
  auto engine = llmos::Engine::open(argc > 1 ? argv[1] : "model.gguf").value();
  std::puts(engine.generate({.prompt = "Write a haiku about caches."}).value().text.c_str());
}
