// SPDX-License-Identifier: Apache-2.0
// Assertions, in three levels. All of them are for programmer errors only; what a user, a file or
// the network can cause is a Status.
//
//   LLMOS_CHECK(cond) << "...";       always on; the condition is O(1)
//   LLMOS_DCHECK(cond) << "...";      from LLMOS_ASSERTIONS=1 on
//   LLMOS_CHECK_SLOW(cond) << "...";  from LLMOS_ASSERTIONS=2 on; O(n) integrity, for tests
//
// A failed one calls the handler of set_fatal_handler() with "file:line: CHECK(cond) failed: ...";
// the handler may throw, and if it returns the process aborts. What stands behind << is evaluated
// on failure only. A level that is off still compiles its condition, so names in it never go stale,
// but does not evaluate it.
#pragma once

#include "base/text.h"
#include "llmos/status.h"

#ifndef LLMOS_ASSERTIONS
  #define LLMOS_ASSERTIONS 0
#endif

namespace llmos {

inline constexpr int kAssertions = LLMOS_ASSERTIONS;

namespace detail {

// Collects the message of a failed check. Ends in fatal(), from the voidifying operator and not
// from a destructor, so that a handler may throw.
class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* what);
  template <class T>
  CheckFailure& operator<<(const T& piece) {
    text_ << piece;
    return *this;
  }
  [[noreturn]] void raise() const;

 private:
  Text text_;
};

struct RaiseCheckFailure {  // binds looser than <<, tighter than ?:
  [[noreturn]] void operator&(const CheckFailure& failure) const { failure.raise(); }
};

}  // namespace detail
}  // namespace llmos

#define LLMOS_CHECK_IMPL(enabled, name, cond)                     \
  (!(enabled) || __builtin_expect(static_cast<bool>(cond), true)) \
      ? static_cast<void>(0)                                      \
      : ::llmos::detail::RaiseCheckFailure() &                    \
            ::llmos::detail::CheckFailure(__FILE__, __LINE__, name "(" #cond ")")

#define LLMOS_CHECK(cond) LLMOS_CHECK_IMPL(true, "CHECK", cond)
#define LLMOS_DCHECK(cond) LLMOS_CHECK_IMPL(::llmos::kAssertions >= 1, "DCHECK", cond)
#define LLMOS_CHECK_SLOW(cond) LLMOS_CHECK_IMPL(::llmos::kAssertions >= 2, "CHECK_SLOW", cond)
