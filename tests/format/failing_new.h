// SPDX-License-Identifier: Apache-2.0
// This test binary can run short of memory.
#pragma once

#include <cstddef>

namespace llmos::test {

// While it lives, allocation number `call` (from 0) of this thread by operator new throws.
class FailingNew {
 public:
  explicit FailingNew(size_t call);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  bool failed() const;  // so many allocations were made
};

}  // namespace llmos::test
