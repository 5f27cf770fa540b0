// SPDX-License-Identifier: Apache-2.0
// While a ThrowingFatal lives, a failed CHECK throws FatalError instead of ending the process.
#pragma once

#include <stdexcept>

#include "llmos/status.h"

namespace llmos::test {

struct FatalError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ThrowingFatal {
 public:
  ThrowingFatal()
      : before_(set_fatal_handler([](const char* message) { throw FatalError(message); })) {}
  ~ThrowingFatal() { set_fatal_handler(before_); }
  ThrowingFatal(const ThrowingFatal&) = delete;
  ThrowingFatal& operator=(const ThrowingFatal&) = delete;

 private:
  FatalHandler before_;
};

}  // namespace llmos::test
