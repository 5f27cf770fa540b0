// SPDX-License-Identifier: Apache-2.0
// The three queues as one typed suite.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "llmos/queue.h"
#include "sync/spsc_ring.h"

namespace llmos::test {

struct Mpsc {
  template <class T, class Probe = NoProbe>
  using Queue = MpscQueue<T, Probe>;
  static constexpr const char* kName = "Mpsc";
  static constexpr int kProducers = 3;
  static constexpr int kConsumers = 1;
  static constexpr bool kExactFull = true;
  static constexpr bool kExactEmpty = false;
};
struct Mpmc {
  template <class T, class Probe = NoProbe>
  using Queue = MpmcQueue<T, Probe>;
  static constexpr const char* kName = "Mpmc";
  static constexpr int kProducers = 3;
  static constexpr int kConsumers = 2;
  static constexpr bool kExactFull = false;
  static constexpr bool kExactEmpty = false;
};
struct Spsc {
  template <class T, class Probe = NoProbe>
  using Queue = SpscRing<T, Probe>;
  static constexpr const char* kName = "Spsc";
  static constexpr int kProducers = 1;
  static constexpr int kConsumers = 1;
  static constexpr bool kExactFull = true;
  static constexpr bool kExactEmpty = true;
};

using AllQueues = ::testing::Types<Mpsc, Mpmc, Spsc>;

struct QueueName {
  template <class Kind>
  static std::string GetName(int) {
    return Kind::kName;
  }
};

}  // namespace llmos::test
