// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_state.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace llmos::engine {

// One slot more than events, so that the scores of an event that is being read stay untouched.
StreamState::StreamState(uint64_t id, uint32_t capacity, uint32_t choices, uint32_t tops,
                         Readiness* readiness)
    : id_(id),
      choices_(choices),
      tops_(tops),
      readiness_(readiness),
      ring_(size_t{capacity} + 3 * size_t{choices}),
      scores_(tops > 0 ? (ring_.capacity() + 1) * tops : 0) {}

void StreamState::push(const TokenEvent& event, std::span<const TokenScore> tops) noexcept {
  TokenEvent sent = event;
  sent.tops = uint32_t(std::min<size_t>(tops.size(), tops_));
  if (sent.tops > 0) {
    const size_t place = size_t(pushed_ % (ring_.capacity() + 1)) * tops_;
    std::copy_n(tops.begin(), sent.tops, scores_.begin() + ptrdiff_t(place));
  }
  ++pushed_;
  static_cast<void>(ring_.try_push(std::move(sent)));
  tell_readiness();
}

void StreamState::end(Outcome outcome) noexcept {
  outcome_ = std::move(outcome);
  ring_.close();
  tell_readiness();
  quiet_.store(true, std::memory_order_release);
}

void StreamState::tell_readiness() noexcept {
  // Sequentially consistent, with the store in try_take(): either the reader sees the event, or we
  // see that it found nothing.
  if (readiness_ && !told_.exchange(true, std::memory_order_seq_cst)) readiness_->ready(id_);
}

void StreamState::copy_tops(const TokenEvent& event, std::vector<TokenScore>& tops) {
  tops.clear();
  if (event.tops > 0) {
    const size_t place = size_t(taken_ % (ring_.capacity() + 1)) * tops_;
    tops.assign(scores_.begin() + ptrdiff_t(place),
                scores_.begin() + ptrdiff_t(place + event.tops));
  }
  ++taken_;
}

std::optional<TokenEvent> StreamState::try_take(std::vector<TokenScore>& tops) {
  std::optional<TokenEvent> event = ring_.try_pop();
  if (!event && readiness_) {
    told_.store(false, std::memory_order_seq_cst);
    event = ring_.try_pop();  // what came between the two
  }
  if (event) copy_tops(*event, tops);
  return event;
}

std::optional<TokenEvent> StreamState::take(std::vector<TokenScore>& tops,
                                            std::optional<std::chrono::nanoseconds> timeout) {
  std::optional<TokenEvent> event = timeout ? ring_.pop_for(*timeout) : ring_.pop();
  if (event) copy_tops(*event, tops);
  return event;
}

void StreamState::wait_until_quiet() const noexcept {
  while (!quiet_.load(std::memory_order_acquire)) std::this_thread::yield();
}

bool StreamState::take_parked() noexcept {
  if (!parked_.load(std::memory_order_seq_cst) || ring_.size() * 2 > ring_.capacity()) return false;
  return parked_.exchange(false, std::memory_order_seq_cst);
}

}  // namespace llmos::engine
