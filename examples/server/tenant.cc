// SPDX-License-Identifier: Apache-2.0
#include "tenant.h"

#include <algorithm>

namespace server {
namespace {

constexpr uint32_t kBusyRetrySeconds = 1;

ApiError too_many(const char* what, uint32_t wait_s) {
  ApiError error;
  error.http_status = 429;
  error.message = std::string("too many ") + what + ": try again in " + std::to_string(wait_s) +
                  (wait_s == 1 ? " second" : " seconds");
  error.code = "rate_limit_exceeded";
  error.retry_after_s = wait_s;
  return error;
}

}  // namespace

OrError<std::monostate> Tenant::enter(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (limits_.concurrent > 0 && running_ >= limits_.concurrent) {
    return too_many("requests at once", kBusyRetrySeconds);
  }
  if (const uint32_t wait = requests_.wait_s(1, now)) return too_many("requests", wait);
  if (const uint32_t wait = tokens_.wait_s(1, now)) return too_many("tokens", wait);
  requests_.take(1, now);
  ++running_;
  return std::monostate();
}

void Tenant::leave(uint64_t tokens, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  tokens_.take(double(tokens), now);
  --running_;
}

}  // namespace server
