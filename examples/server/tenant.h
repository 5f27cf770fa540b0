// SPDX-License-Identifier: Apache-2.0
// Tenant: who a key belongs to, and what they may use.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "api_error.h"
#include "token_bucket.h"

namespace server {

struct TenantLimits {
  double requests_per_minute = 0;  // 0: no bound, as below
  double tokens_per_minute = 0;    // prompt and answer
  uint32_t concurrent = 0;         // requests at once
  int32_t priority = 0;            // llmos::Request::priority
  bool is_operator = false;        // may see /stats and /metrics, which tell of all tenants
};

// Threads  Any.
class Tenant {
 public:
  Tenant(std::string name, const TenantLimits& limits)
      : name_(std::move(name)),
        limits_(limits),
        requests_(limits.requests_per_minute),
        tokens_(limits.tokens_per_minute) {}

  const std::string& name() const { return name_; }
  const TenantLimits& limits() const { return limits_; }

  // Counts a request in, to be followed by one leave(); or 429 with when to come again.
  OrError<std::monostate> enter(Clock::time_point now);
  // `tokens`: what the request used.
  void leave(uint64_t tokens, Clock::time_point now);

 private:
  const std::string name_;
  const TenantLimits limits_;
  std::mutex mutex_;  // guards what follows
  TokenBucket requests_;
  TokenBucket tokens_;
  uint32_t running_ = 0;
};

// A request that a tenant has running; ends with it.
class Admission {
 public:
  Admission() = default;
  // Precondition: tenant->enter() let it in.
  explicit Admission(Tenant* tenant) : tenant_(tenant) {}
  Admission(Admission&& other) noexcept
      : tenant_(std::exchange(other.tenant_, nullptr)), tokens_(other.tokens_) {}
  Admission& operator=(Admission&& other) noexcept {
    std::swap(tenant_, other.tenant_);
    std::swap(tokens_, other.tokens_);
    return *this;
  }
  ~Admission() {
    if (tenant_) tenant_->leave(tokens_, Clock::now());
  }
  void add_tokens(uint64_t count) { tokens_ += count; }
  const Tenant* tenant() const { return tenant_; }

 private:
  Tenant* tenant_ = nullptr;
  uint64_t tokens_ = 0;
};

}  // namespace server
