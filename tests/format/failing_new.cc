// SPDX-License-Identifier: Apache-2.0
#include "format/failing_new.h"

#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr size_t kNever = std::numeric_limits<size_t>::max();
thread_local size_t left = kNever;  // allocations until the one that fails

}  // namespace

void* operator new(size_t bytes) {
  if (left != kNever && left-- == 0) throw std::bad_alloc();  // and then never again
  if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
// stable_sort() asks for its buffer so; a sanitizer wants the pair of new and delete whole.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace llmos::test {

FailingNew::FailingNew(size_t call) { left = call; }
FailingNew::~FailingNew() { left = kNever; }
bool FailingNew::failed() const { return left == kNever; }

}  // namespace llmos::test
