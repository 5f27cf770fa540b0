// SPDX-License-Identifier: Apache-2.0
// The calendar of strftime_now().
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace llmos::jinja {

// What a clock on the wall shows.
using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

// Python's datetime.strftime() of a time without a zone, in the C locale. Failure (thrown):
// kExhausted for a format or a result that is too long.
std::string format_time(std::string_view format, LocalTime time);

}  // namespace llmos::jinja
