// SPDX-License-Identifier: Apache-2.0
// StreamState: where the tokens of one request go from the engine's thread to its reader.
//
// The engine hands over plain tokens; text is made of them on the reader's thread, which costs the
// engine nothing. A bounded ring, of which `choices` places are kept for last tokens, so that every
// answer can end whatever its reader does.
//
// Threads  push(), has_room(), end(), park(): the engine's. try_take(), take(), parked room: the
//          reader's. cancel(), suspend(): any.
//
// Invariants
//   (1) events arrive in the order of push(); nothing follows end()
//   (2) outcome() is written before the ring closes, and read after the reader has seen it closed
//   (3) readiness is told at least once between a take that found nothing and the next event
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "llmos/request.h"
#include "llmos/status.h"
#include "sync/spsc_ring.h"

namespace llmos::engine {

struct SuspendedRequest;

struct TokenEvent {
  TokenId id = kNoToken;  // kNoToken: no token, the choice ends
  uint32_t choice = 0;
  double logprob = 0;
  uint32_t tops = 0;  // how many scores lie beside the event
  bool last = false;  // of its choice
  Finish finish{};
};

// How a request ended.
struct Outcome {
  Status status{};
  Usage usage{};
  std::vector<PositionScore> prompt_scores{};
  std::vector<float> embedding{};
  std::shared_ptr<SuspendedRequest> suspended{};  // it was taken out, to go on elsewhere
};

class StreamState {
 public:
  // `capacity`: tokens that may wait for the reader. `tops`: scores beside each token, at most.
  StreamState(uint64_t id, uint32_t capacity, uint32_t choices, uint32_t tops,
              Readiness* readiness);

  uint64_t id() const noexcept { return id_; }
  uint32_t choices() const noexcept { return choices_; }

  // The engine's side. Whether `events` more fit, besides the last ones.
  bool has_room(size_t events) const noexcept {
    return ring_.size() + events + choices_ <= ring_.capacity();
  }
  // Events that fit, besides the last ones.
  size_t room() const noexcept {
    const size_t taken = ring_.size() + choices_;
    return ring_.capacity() - std::min(ring_.capacity(), taken);
  }
  // Precondition: there is room. Allocates nothing.
  void push(const TokenEvent& event, std::span<const TokenScore> tops) noexcept;
  void end(Outcome outcome) noexcept;
  // From now on the reader tells the engine when it has made room: take_parked() is true once.
  void set_parked() noexcept { parked_.store(true, std::memory_order_seq_cst); }

  // The reader's side. `tops` gets the scores beside the event.
  std::optional<TokenEvent> try_take(std::vector<TokenScore>& tops);
  std::optional<TokenEvent> take(std::vector<TokenScore>& tops,
                                 std::optional<std::chrono::nanoseconds> timeout);
  // True when the engine waits for room and half of the ring is free again.
  bool take_parked() noexcept;
  bool ended() const noexcept { return ring_.closed() && ring_.size() == 0; }
  // Waits, a moment at most, until the engine makes no further call of anything of the request.
  // Precondition: ended().
  void wait_until_quiet() const noexcept;
  // Precondition: ended().
  const Outcome& outcome() const noexcept { return outcome_; }
  Outcome& outcome() noexcept { return outcome_; }

  void cancel() noexcept { cancelled_.store(true, std::memory_order_release); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }
  void suspend() noexcept { suspending_.store(true, std::memory_order_release); }
  bool suspending() const noexcept { return suspending_.load(std::memory_order_acquire); }

 private:
  void tell_readiness() noexcept;
  void copy_tops(const TokenEvent& event, std::vector<TokenScore>& tops);

  const uint64_t id_;
  const uint32_t choices_;
  const uint32_t tops_;
  Readiness* const readiness_;
  SpscRing<TokenEvent> ring_;
  // [ring capacity, tops]: the scores of event t lie at t modulo the capacity. Written before the
  // event's push, read after its pop, and not reused before: `taken_` lags the ring by one.
  std::vector<TokenScore> scores_;
  uint64_t pushed_ = 0;  // the engine's
  uint64_t taken_ = 0;   // the reader's
  Outcome outcome_;
  std::atomic<bool> told_{false};  // readiness was told and nothing was found missing since
  std::atomic<bool> quiet_{false};
  std::atomic<bool> parked_{false};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> suspending_{false};
};

}  // namespace llmos::engine
