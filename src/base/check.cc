// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace llmos {

namespace {

// The one mutable global besides the log sink: a handler has to be reachable from every assertion.
std::atomic<FatalHandler> fatal_handler{nullptr};

}  // namespace

FatalHandler set_fatal_handler(FatalHandler handler) noexcept {
  return fatal_handler.exchange(handler);
}

namespace detail {

void fatal(const char* message) {
  if (const FatalHandler handler = fatal_handler.load()) {
    handler(message);
  } else {
    std::fprintf(stderr, "llmos: %s\n", message);
  }
  std::abort();
}

CheckFailure::CheckFailure(const char* file, int line, const char* what) {
  const char* slash = std::strrchr(file, '/');
  text_ << (slash ? slash + 1 : file) << ':' << line << ": " << what << " failed: ";
}

void CheckFailure::raise() const { fatal(text_.str().c_str()); }

}  // namespace detail
}  // namespace llmos
