// SPDX-License-Identifier: Apache-2.0
#include "key_ring.h"

// toml++ is compiled in here and nowhere else, with errors as values.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define v3 v3_llmos_server
#include <toml++/toml.h>
#undef v3

#include <algorithm>
#include <optional>

namespace server {
namespace {

using llmos::Code;
using llmos::Result;
using llmos::Status;

constexpr std::string_view kPrefix = "sha256:";
constexpr double kRateMax = 1e12;

// Thrown within this file only.
struct Wrong {
  toml::source_position place;
  std::string text;
};

double number_of(const toml::node& node, const std::string& name, double most) {
  const std::optional<double> value = node.value<double>();
  if (!node.is_number() || !value || !(*value >= 0 && *value <= most)) {
    throw Wrong{node.source().begin, name + ": expected a number from 0 on"};
  }
  return *value;
}

Sha256 hash_of(const toml::node& node) {
  const std::string text = node.value<std::string>().value_or("");
  std::optional<Sha256> hash;
  if (text.starts_with(kPrefix)) hash = parse_sha256(std::string_view(text).substr(kPrefix.size()));
  if (!hash) {
    throw Wrong{node.source().begin,
                "keys: expected \"sha256:\" and 64 hexadecimal digits "
                "(llmos serve --hash-key makes it from a key)"};
  }
  return *hash;
}

// One [[tenant]].
struct TenantSpec {
  std::string name;
  TenantLimits limits;
  std::vector<Sha256> keys;
};

void read_member(TenantSpec& spec, const std::string& name, const toml::node& node) {
  const auto wrong = [&](const char* expected) {
    return Wrong{node.source().begin, name + ": expected " + expected};
  };
  if (name == "name") {
    spec.name = node.value<std::string>().value_or("");
    if (!node.is_string() || spec.name.empty()) throw wrong("a string that is not empty");
  } else if (name == "keys") {
    if (!node.is_array()) throw wrong("a list of hashes");
    for (const toml::node& key : *node.as_array()) spec.keys.push_back(hash_of(key));
  } else if (name == "requests_per_minute") {
    spec.limits.requests_per_minute = number_of(node, name, kRateMax);
  } else if (name == "tokens_per_minute") {
    spec.limits.tokens_per_minute = number_of(node, name, kRateMax);
  } else if (name == "concurrent") {
    spec.limits.concurrent = uint32_t(number_of(node, name, UINT32_MAX));
  } else if (name == "priority") {
    const std::optional<int32_t> value = node.value<int32_t>();
    if (!node.is_integer() || !value) throw wrong("an integer");
    spec.limits.priority = *value;
  } else if (name == "operator") {
    if (!node.is_boolean()) throw wrong("true or false");
    spec.limits.is_operator = *node.value<bool>();
  } else {
    throw wrong(
        "name, keys, requests_per_minute, tokens_per_minute, concurrent, priority or operator");
  }
}

TenantSpec tenant_of(const toml::node& node) {
  if (!node.is_table()) throw Wrong{node.source().begin, "tenant: expected [[tenant]]"};
  TenantSpec spec;
  for (const auto& [key, value] : *node.as_table()) {
    read_member(spec, std::string(key.str()), value);
  }
  if (spec.name.empty()) throw Wrong{node.source().begin, "tenant: expected a name"};
  if (spec.keys.empty()) throw Wrong{node.source().begin, "tenant: expected at least one key"};
  return spec;
}

std::vector<TenantSpec> tenants_of(const toml::table& table) {
  std::vector<TenantSpec> specs;
  for (const auto& [key, value] : table) {
    if (key.str() != "tenant" || !value.is_array()) {
      throw Wrong{value.source().begin, std::string(key.str()) + ": expected [[tenant]]"};
    }
    for (const toml::node& node : *value.as_array()) specs.push_back(tenant_of(node));
  }
  return specs;
}

}  // namespace

KeyRing::KeyRing() {
  TenantLimits limits;
  limits.is_operator = true;
  tenants_.push_back(std::make_unique<Tenant>("", limits));
}

Result<KeyRing> KeyRing::parse(std::string_view text, const std::string& file_name) {
  const auto invalid = [&](const toml::source_position& place, const std::string& what) {
    return Status(Code::kInvalid, file_name + ":" + std::to_string(place.line) + ": " + what);
  };
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return invalid(parsed.error().source().begin, std::string(parsed.error().description()));
  }
  try {
    KeyRing ring;
    ring.tenants_.clear();
    ring.needs_key_ = true;
    for (TenantSpec& spec : tenants_of(parsed.table())) {
      ring.tenants_.push_back(std::make_unique<Tenant>(std::move(spec.name), spec.limits));
      for (const Sha256& hash : spec.keys) {
        ring.keys_.push_back({hash, ring.tenants_.back().get()});
      }
    }
    if (ring.keys_.empty() || ring.keys_.size() > kKeysMax) {
      return Status(Code::kInvalid, file_name + ": expected 1 to " + std::to_string(kKeysMax) +
                                        " keys, found " + std::to_string(ring.keys_.size()));
    }
    return ring;
  } catch (const Wrong& wrong) {
    return invalid(wrong.place, wrong.text);
  }
}

Tenant* KeyRing::find(std::string_view key) const noexcept {
  if (key.size() > kKeyBytesMax) return nullptr;
  const Sha256 hash = sha256(key);
  Tenant* found = nullptr;
  // All of them: how long it takes must not tell which one it was.
  for (const Key& known : keys_) {
    if (equal_in_constant_time(known.hash, hash)) found = known.tenant;
  }
  return found;
}

}  // namespace server
