// SPDX-License-Identifier: Apache-2.0
// How reading and rendering a template stops. A failure may arise dozens of calls deep, between any
// two steps of an expression, and nothing on the way can mend it: so inside the template engine it
// travels as an exception, as in the original. It never leaves chat_template.cc.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/text.h"
#include "llmos/status.h"

namespace llmos::jinja {

// Thrown by fail() and its kin, caught by ChatTemplate and by the few filters that answer a
// default.
struct Failure {
  Code code;
  std::string message;
  uint32_t line = 0;      // of the template, from 1; 0: not known yet
  bool verbatim = false;  // raise_exception(): the message is the template's own
  // What the original would throw, where a filter distinguishes it.
  enum class Cause : uint8_t { kOther, kType, kValue } cause = Cause::kOther;
};

[[noreturn]] inline void fail(const Text& message, Code code = Code::kInvalid) {
  throw Failure{code, message.str()};
}
// An operation on a value of the wrong type.
[[noreturn]] inline void fail_type(const Text& message) {
  throw Failure{Code::kInvalid, message.str(), 0, false, Failure::Cause::kType};
}
// A value of the right type that the operation cannot take.
[[noreturn]] inline void fail_value(const Text& message) {
  throw Failure{Code::kInvalid, message.str(), 0, false, Failure::Cause::kValue};
}
// Beyond one of ChatTemplateLimits.
[[noreturn]] inline void fail_limit(const Text& message) {
  throw Failure{Code::kExhausted, message.str()};
}
// Valid in the original, but not something that we can do.
[[noreturn]] inline void fail_unsupported(const Text& message) {
  throw Failure{Code::kUnsupported, message.str()};
}

}  // namespace llmos::jinja
