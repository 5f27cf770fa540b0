// SPDX-License-Identifier: Apache-2.0
// Errors are values: every call that can fail for a reason outside the program returns Status or
// Result<T>.
//
//   Result<Pool> pool = Pool::create({.bytes_max = 1 << 30});
//   if (!pool.ok()) return pool.status();
//   pool->allocate(64);
//
// Nothing here throws. The one call that ends the process is Result::value() on an error, for first
// programs; libraries test ok().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "llmos/version.h"

namespace llmos {

enum class Code : uint8_t {
  kOk,
  kInvalid,      // the caller's argument, option or request is wrong
  kNotFound,     // a named file, model or key does not exist
  kCorrupt,      // bytes that were read contradict their format
  kUnsupported,  // well-formed, but not something this build can do
  kExhausted,    // a bound was reached: memory, queue, disk; try again later or raise it
  kCancelled,    // the caller asked to stop
  kDeadline,     // the time given has passed
  kDenied,       // the operating system or a policy refused
  kInternal,     // a defect in LLMOS: please report it
};

// "invalid", "not found", ...; never null.
LLMOS_API const char* code_name(Code code) noexcept;

// Ok, or a code with a message that says what was expected, what was found, and what to do.
// A value: copy it, keep it, send it to another thread. Moving from it leaves it ok.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  Status(const Status&) = default;
  Status& operator=(const Status&) = default;
  Status(Status&& other) noexcept
      : code_(std::exchange(other.code_, Code::kOk)), message_(std::move(other.message_)) {}
  Status& operator=(Status&& other) noexcept {
    code_ = std::exchange(other.code_, Code::kOk);
    message_ = std::move(other.message_);
    return *this;
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // "ok", or "corrupt: model.gguf: expected magic GGUF, found 00000000".
  LLMOS_API std::string to_string() const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// Called with one line of text when the process cannot go on: a broken invariant, or value() on an
// error. It may log, throw (tests do) or end the process; if it returns, the process aborts.
using FatalHandler = void (*)(const char* message);

// Installs a handler, nullptr for the default (writes to stderr), and returns the one before.
// Thread-safe.
LLMOS_API FatalHandler set_fatal_handler(FatalHandler handler) noexcept;

namespace detail {
[[noreturn]] LLMOS_API void fatal(const char* message);
}

// A T, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  // `status` must not be ok: an ok status without a value is a defect and becomes kInternal.
  Result(Status status) : status_(std::move(status)) {
    if (status_.ok()) status_ = Status(Code::kInternal, "Result made from an ok Status");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status& status() const { return status_; }

  // Precondition: ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  T value_or(T other) && { return ok() ? *std::move(value_) : std::move(other); }
  // On an error: the fatal handler, then the process ends. For first programs only.
  T value() && {
    if (!ok()) detail::fatal(status_.to_string().c_str());
    return *std::move(value_);
  }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace llmos
