// SPDX-License-Identifier: Apache-2.0
// The callbacks of c.h as the interfaces of extend.h.
#pragma once

#include <span>

#include "llmos/c.h"
#include "llmos/extend.h"
#include "llmos/status.h"

namespace llmos {

// What a request may have.
class CHooks final : public LogitsHook, public TokenMask, public Readiness {
 public:
  explicit CHooks(const llmos_request& request);

  // kInvalid: both ways to change logits at once, a table without its size.
  Status check() const { return status_; }
  // nullptr where the caller gave no callback.
  LogitsHook* logits_hook() { return logits_ || table_.adjust ? this : nullptr; }
  TokenMask* token_mask() { return table_.allow ? this : nullptr; }
  Readiness* readiness() { return ready_ ? this : nullptr; }

  void adjust(const LogitsContext& where, std::span<float> logits) override;
  bool allow(const LogitsContext& where, std::span<uint64_t> mask) override;
  void ready(uint64_t request) noexcept override { ready_(request, context_); }

 private:
  void (*logits_)(uint64_t, uint32_t, float*, size_t, void*);
  void (*ready_)(uint64_t, void*);
  void* context_;
  llmos_request_hooks table_ = LLMOS_REQUEST_HOOKS_INIT;
  Status status_;
};

// A scheduling policy of the caller's.
class CPolicy final : public SchedulingPolicy {
 public:
  // The table is copied.
  explicit CPolicy(const llmos_scheduling_policy& table) : table_(table) {}

  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;
  void ended(const SequenceView& sequence, bool censored) override;
  uint64_t epoch(double now) override {
    return table_.epoch ? table_.epoch(now, table_.context) : 0;
  }

 private:
  const llmos_scheduling_policy table_;
};

class CProgress final : public LoadProgress {
 public:
  explicit CProgress(const llmos_engine_options& options) : options_(options) {}
  bool advance(const Progress& progress) override;

 private:
  const llmos_engine_options& options_;
};

}  // namespace llmos
