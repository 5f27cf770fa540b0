// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.h"

namespace llmos::engine {

Loop::Loop(std::unique_ptr<Core> core, Mailbox& mailbox)
    : core_(std::move(core)), mailbox_(mailbox), thread_([this] { run(); }) {}

Loop::~Loop() {
  mailbox_.close();
  stop_.store(true, std::memory_order_release);
  mailbox_.wake();
}

void Loop::run() {
  while (!stop_.load(std::memory_order_acquire)) {
    const bool worked = core_->turn();
    if (mailbox_.closed() && !mailbox_.posting() && core_->idle() && mailbox_.waiting() == 0)
      drained_.set();
    if (!worked) mailbox_.wait(core_->idle_time());
  }
  while (mailbox_.posting()) std::this_thread::yield();
  core_.reset();  // ends what still runs, on the thread that owns it
  drained_.set();
}

bool Loop::drain(std::chrono::nanoseconds timeout) {
  mailbox_.close();
  mailbox_.wake();
  return drained_.wait_for(timeout);
}

}  // namespace llmos::engine
