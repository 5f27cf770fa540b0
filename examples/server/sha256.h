// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for the hashes of API keys: some bytes a request, so plain code does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace server {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::string_view bytes);
std::string hex(const Sha256& digest);
// 64 hexadecimal digits, either case.
std::optional<Sha256> parse_sha256(std::string_view digits);
// In a time that does not depend on where they differ.
bool equal_in_constant_time(const Sha256& a, const Sha256& b) noexcept;

}  // namespace server
