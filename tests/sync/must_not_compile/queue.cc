// SPDX-License-Identifier: Apache-2.0
// Compiled once per CASE: 0 must compile, the others must not.
#include <string>

#include "llmos/queue.h"
#include "sync/spsc_ring.h"

struct ThrowingMove {
  ThrowingMove(ThrowingMove&&) noexcept(false) {}
};
struct SlowProbe {  // its calls may throw
  struct Stamp {};
  Stamp pushed(int) { return {}; }
  void popped(int, Stamp) {}
};

void use(llmos::MpscQueue<std::string>& queue) {
#if CASE == 0
  (void)queue.try_push("text");
#elif CASE == 1
  auto copy = queue;
#elif CASE == 2
  auto moved = std::move(queue);
#elif CASE == 3
  llmos::MpmcQueue<ThrowingMove> other(1);
#elif CASE == 4
  llmos::SpscRing<int, SlowProbe> other(1);
#elif CASE == 5
  std::string text;
  (void)queue.try_push(text);  // an lvalue: it could not be left with the caller
#elif CASE == 6
  llmos::MpscQueue<std::string&> other(1);
#endif
}
