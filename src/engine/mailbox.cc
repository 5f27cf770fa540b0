// SPDX-License-Identifier: Apache-2.0
#include "engine/mailbox.h"

#include "base/text.h"

namespace llmos::engine {

Status Mailbox::post_work(std::unique_ptr<Work>& work) {
  if (closed()) return {Code::kCancelled, "the engine accepts no more requests: it is draining"};
  const uint32_t choices = uint32_t(work->samplers.size());
  const uint32_t before = waiting_.fetch_add(choices);
  if (before + choices > queue_max_ || !work_.try_push(std::move(work))) {
    waiting_.fetch_sub(choices);
    return {Code::kExhausted, (Text() << "the queue is full: expected room for " << choices
                                      << " more, found " << before << " of " << queue_max_
                                      << " waiting; try again later, or raise queue_max")
                                  .str()};
  }
  wake();
  return {};
}

void Mailbox::post_note(StreamNote note) noexcept {
  if (!notes_.try_push(std::move(note))) sweep_.store(true, std::memory_order_release);
  wake();
}

}  // namespace llmos::engine
