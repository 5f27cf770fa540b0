// SPDX-License-Identifier: Apache-2.0
// All of LLMOS. A tour:
//
//   engine.h     Engine, Stream: submit requests to a model that serves many at once
//   request.h    Request, Reply, Chunk: what is asked, and what comes back
//   options.h    EngineOptions: memory, scheduling, threads
//   model.h      Model: look inside a file, plan its memory, quantise it, score text
//   tokenizer.h  Tokenizer: text to tokens and back, chat templates
//   metrics.h    Metrics: what an engine did and how fast
//   extend.h     interfaces that a host may implement: scheduling, logits, weights, logs
//   status.h     Status, Result: errors are values
//   memory.h, queue.h   Pool, Arena, MpscQueue, MpmcQueue: building blocks without an engine
//   c.h          the same for C
//
//   #include <llmos/llmos.h>
//   int main() {
//     auto engine = llmos::Engine::open("model.gguf").value();
//     std::puts(engine.generate({.prompt = "Write a haiku about caches."}).value().text.c_str());
//   }
#pragma once

#include "llmos/engine.h"
#include "llmos/extend.h"
#include "llmos/memory.h"
#include "llmos/metrics.h"
#include "llmos/model.h"
#include "llmos/options.h"
#include "llmos/queue.h"
#include "llmos/request.h"
#include "llmos/status.h"
#include "llmos/tokenizer.h"
#include "llmos/types.h"
#include "llmos/version.h"
