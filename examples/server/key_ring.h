// SPDX-License-Identifier: Apache-2.0
// KeyRing: API keys and whose they are, from a TOML file:
//
//   [[tenant]]
//   name = "alice"
//   keys = ["sha256:9f86d081884c7d65..."]   # llmos serve --hash-key makes one
//   requests_per_minute = 60                # this and the rest: left out, there is no bound
//   tokens_per_minute = 20000
//   concurrent = 8
//   priority = 1
//   operator = true                         # may see /stats and /metrics
//
// The file holds hashes only: who reads it cannot call the server. Keys are long random words, so a
// plain hash is enough; a password would need a slow one.
//
// Threads  Immutable once made, but for the tenants, which lock.
#pragma once

#include <llmos/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sha256.h"
#include "tenant.h"

namespace server {

class KeyRing {
 public:
  static constexpr size_t kKeysMax = 4096;
  static constexpr size_t kKeyBytesMax = 512;  // that a client may send

  // One tenant without a name or bounds, and no key needed.
  KeyRing();
  // kInvalid with the line and what is wrong with it. A name that is not known is wrong too.
  static llmos::Result<KeyRing> parse(std::string_view toml, const std::string& file_name);

  bool needs_key() const { return needs_key_; }
  // Whose key it is, or null. Takes the same time for every key of the ring and for none.
  Tenant* find(std::string_view key) const noexcept;
  // Who calls without a key. Precondition: !needs_key().
  Tenant* anybody() const { return tenants_.front().get(); }

 private:
  struct Key {
    Sha256 hash;
    Tenant* tenant;
  };
  bool needs_key_ = false;
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::vector<Key> keys_;
};

}  // namespace server
